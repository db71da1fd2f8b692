//! Limits: what one plugin may use of the machine and of the service.
//!
//! The defaults are the ceiling. An operator may lower any of them and raise none:
//! [`Limits::lowered_by`] takes the smaller of two. Each constant says why it is what it is.

use std::time::Duration;

/// Memory of one instance, all its memories summed: a page of 8 MiB and its records fit in a few
/// times over.
pub const MEMORY_BYTES: u64 = 32 * MIB;
/// Guest time between two `send`s: parsing the largest page takes well under a second.
pub const GUEST_TIME: Duration = Duration::from_secs(10);
/// One request from dialling to the last byte: a service that takes longer for a page is down.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);
/// One contract call, its requests together: a page may ask a few times.
pub const PAGE_TIME: Duration = Duration::from_mins(2);
/// Until the connection stands, TLS included: three lost first packets and their repeats fit.
pub const CONNECT_TIME: Duration = Duration::from_secs(10);
/// From the last byte of the request to the first of the answer: a slow query, no more.
pub const FIRST_BYTE_TIME: Duration = Duration::from_secs(20);
/// Between two bytes of an answer: stalls are an answer's end, drips are caught by the total.
pub const BETWEEN_BYTES_TIME: Duration = Duration::from_secs(10);
/// Fuel of one page, where the operator asks for exact counts; about a second of work.
pub const FUEL_PER_PAGE: u64 = 2_000_000_000;
/// Bytes lifted from the guest in one call: as much as it can have read.
pub const LIFTED_BYTES: u64 = 8 * MIB;
/// Elements of the guest's tables: those are its function pointers.
pub const TABLE_ELEMENTS: u64 = 10_000;
/// Core instances inside of one component.
pub const INSTANCES: u64 = 8;
/// Linear memories inside of one component.
pub const MEMORIES: u64 = 2;
/// Resource handles alive at once; the contract has no resources.
pub const RESOURCES: u64 = 64;
/// Body of a request: a batch of records, no more.
pub const REQUEST_BODY_BYTES: u64 = MIB;
/// URL of a request with its query, encoded: what servers commonly take is half of it.
pub const URL_BYTES: u64 = 16 * KIB;
/// Body of an answer, decompressed: a page of 100 records with 80 kB each.
pub const RESPONSE_BODY_BYTES: u64 = 8 * MIB;
/// Headers of one message.
pub const HEADERS: u64 = 64;
/// Headers of one message, names and values together.
pub const HEADER_BYTES: u64 = 32 * KIB;
/// Decompressed bytes for each compressed one, past the first
/// [`RATIO_FREE_BYTES`](crate::ratio::RATIO_FREE_BYTES): records of JSON reach 10 to 20, a bomb
/// 1,000 and more.
pub const COMPRESSION_RATIO: u64 = 100;
/// Requests of one page.
pub const REQUESTS_PER_PAGE: u64 = 32;
/// Records of one page.
pub const RECORDS_PER_PAGE: u64 = 10_000;
/// Requests of one run: ten million rows by 100 a request, and some to spare.
pub const REQUESTS_PER_RUN: u64 = 200_000;
/// Bytes of one run, both directions together.
pub const BYTES_PER_RUN: u64 = 64 * 1024 * MIB;
/// Requests at once: a service is read, not flooded.
pub const REQUESTS_AT_ONCE: u64 = 8;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

macro_rules! limits {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $default:expr,)*) => {
        /// The limits in force.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Limits {
            /// The smaller of the two in each place: lowers, and never raises.
            #[must_use]
            pub fn lowered_by(&self, other: &Self) -> Self {
                Self { $($field: self.$field.min(other.$field),)* }
            }
        }
    };
}

limits! {
    /// See [`MEMORY_BYTES`].
    memory_bytes: u64 = MEMORY_BYTES,
    /// See [`GUEST_TIME`].
    guest_time: Duration = GUEST_TIME,
    /// See [`REQUEST_TIME`].
    request_time: Duration = REQUEST_TIME,
    /// See [`PAGE_TIME`].
    page_time: Duration = PAGE_TIME,
    /// See [`CONNECT_TIME`].
    connect_time: Duration = CONNECT_TIME,
    /// See [`FIRST_BYTE_TIME`].
    first_byte_time: Duration = FIRST_BYTE_TIME,
    /// See [`BETWEEN_BYTES_TIME`].
    between_bytes_time: Duration = BETWEEN_BYTES_TIME,
    /// See [`FUEL_PER_PAGE`]; counted only where the operator asks for it.
    fuel_per_page: u64 = FUEL_PER_PAGE,
    /// See [`LIFTED_BYTES`].
    lifted_bytes: u64 = LIFTED_BYTES,
    /// See [`TABLE_ELEMENTS`].
    table_elements: u64 = TABLE_ELEMENTS,
    /// See [`INSTANCES`].
    instances: u64 = INSTANCES,
    /// See [`MEMORIES`].
    memories: u64 = MEMORIES,
    /// See [`RESOURCES`].
    resources: u64 = RESOURCES,
    /// See [`REQUEST_BODY_BYTES`].
    request_body_bytes: u64 = REQUEST_BODY_BYTES,
    /// See [`URL_BYTES`].
    url_bytes: u64 = URL_BYTES,
    /// See [`RESPONSE_BODY_BYTES`].
    response_body_bytes: u64 = RESPONSE_BODY_BYTES,
    /// See [`HEADERS`].
    headers: u64 = HEADERS,
    /// See [`HEADER_BYTES`].
    header_bytes: u64 = HEADER_BYTES,
    /// See [`COMPRESSION_RATIO`].
    compression_ratio: u64 = COMPRESSION_RATIO,
    /// See [`REQUESTS_PER_PAGE`].
    requests_per_page: u64 = REQUESTS_PER_PAGE,
    /// See [`RECORDS_PER_PAGE`].
    records_per_page: u64 = RECORDS_PER_PAGE,
    /// See [`REQUESTS_PER_RUN`].
    requests_per_run: u64 = REQUESTS_PER_RUN,
    /// See [`BYTES_PER_RUN`].
    bytes_per_run: u64 = BYTES_PER_RUN,
    /// See [`REQUESTS_AT_ONCE`].
    requests_at_once: u64 = REQUESTS_AT_ONCE,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_lowers_a_limit_and_raises_none() {
        let defaults = Limits::default();
        let asked = Limits {
            headers: 8,
            memory_bytes: 1 << 40,
            page_time: Duration::from_secs(5),
            request_time: Duration::from_hours(1),
            ..Limits::default()
        };
        let expected =
            Limits { headers: 8, page_time: Duration::from_secs(5), ..Limits::default() };
        assert_eq!(defaults.lowered_by(&asked), expected);
        assert_eq!(asked.lowered_by(&defaults), expected);
    }
}
