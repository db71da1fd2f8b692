//! Classes of addresses, judged at dial time for **every** address that a name resolves to.
//!
//! A name proves nothing: anyone may let theirs resolve to `127.0.0.1`. So each address is judged,
//! the one that was judged is dialled, and one refused address is refused, whatever the others are.
//!
//! | class | addresses |
//! | --- | --- |
//! | public | the rest of IPv4; of IPv6, the rest of `2000::/3` |
//! | unspecified | `0.0.0.0/8`, `::` |
//! | loopback | `127.0.0.0/8`, `::1` |
//! | private | `10/8`, `172.16/12`, `192.168/16` |
//! | link-local | `169.254/16`, `fe80::/10` |
//! | metadata | `169.254.169.254`, `169.254.170.2`, `100.100.100.200`, `168.63.129.16`, `192.0.0.192`, `fd00:ec2::254`, `fd20:ce::254` |
//! | shared | `100.64/10` (carrier-grade NAT) |
//! | multicast | `224/4`, `ff00::/8` |
//! | broadcast | `255.255.255.255` |
//! | documentation | `192.0.2/24`, `198.51.100/24`, `203.0.113/24`, `2001:db8::/32`, `3fff::/20` |
//! | benchmarking | `198.18/15`, `2001:2::/48` |
//! | unique-local | `fc00::/7` |
//! | site-local | `fec0::/10` |
//! | tunnel | 6to4 `2002::/16`, Teredo `2001::/32`, NAT64 for local use `64:ff9b:1::/48`: an IPv4 address hidden at a place that varies |
//! | reserved | `240/4`, `192.0.0/24`, `192.88.99/24`, `2001::/23` (ORCHID and other protocol assignments), discard `100::/64`, everything outside `2000::/3` |
//!
//! Three spellings of IPv6 only carry an IPv4 address, and are judged as that address: mapped
//! `::ffff:0:0/96`, compatible `::/96`, and NAT64 `64:ff9b::/96`.
//!
//! An operator can grant loopback, for tests on the machine itself, and no other class.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// For measuring network devices.
    Benchmarking,
    /// Everyone on the link.
    Broadcast,
    /// For examples in documents.
    Documentation,
    /// Valid on one link only.
    LinkLocal,
    /// The machine itself.
    Loopback,
    /// The metadata service of a cloud, which hands out credentials.
    Metadata,
    /// A group of machines.
    Multicast,
    /// A private network.
    Private,
    /// Any machine of the Internet.
    Public,
    /// Not assigned to machines of the Internet.
    Reserved,
    /// Behind a carrier's NAT.
    Shared,
    /// A site's own, by the older scheme.
    SiteLocal,
    /// Carries an IPv4 address to a place that cannot be judged.
    Tunnel,
    /// A site's own.
    UniqueLocal,
    /// No address.
    Unspecified,
}

impl AddressClass {
    /// The class of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// The name in kebab case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Benchmarking => "benchmarking",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::LinkLocal => "link-local",
            Self::Loopback => "loopback",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Private => "private",
            Self::Public => "public",
            Self::Reserved => "reserved",
            Self::Shared => "shared",
            Self::SiteLocal => "site-local",
            Self::Tunnel => "tunnel",
            Self::UniqueLocal => "unique-local",
            Self::Unspecified => "unspecified",
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The class for which an address must not be dialled; `None` if it may be.
pub fn refuse(address: IpAddr, granted_loopback: bool) -> Option<AddressClass> {
    match AddressClass::of(address) {
        AddressClass::Public => None,
        AddressClass::Loopback if granted_loopback => None,
        class => Some(class),
    }
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        [169, 254, 169, 254]
        | [169, 254, 170, 2]
        | [100, 100, 100, 200]
        | [168, 63, 129, 16]
        | [192, 0, 0, 192] => AddressClass::Metadata,
        [0, ..] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [100, 64..=127, ..] => AddressClass::Shared,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [198, 18..=19, ..] => AddressClass::Benchmarking,
        [224..=239, ..] => AddressClass::Multicast,
        [255, 255, 255, 255] => AddressClass::Broadcast,
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            of_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254] => {
            AddressClass::Metadata
        }
        [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] | [0x2002, ..] => AddressClass::Tunnel,
        [0x2001, 2, 0, ..] => AddressClass::Benchmarking,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressClass::Documentation,
        [0x2001, 0..=0x01ff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        [0xfc00..=0xfdff, ..] => AddressClass::UniqueLocal,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfec0..=0xfeff, ..] => AddressClass::SiteLocal,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        _ => AddressClass::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(addresses: &[&str], expected: AddressClass) {
        for text in addresses {
            let address: IpAddr = text.parse().expect(text);
            assert_eq!(AddressClass::of(address), expected, "{text}");
            let refused = (expected != AddressClass::Public).then_some(expected);
            assert_eq!(refuse(address, false), refused, "{text}");
        }
    }

    #[test]
    fn the_default_denies_the_machine_and_its_link() {
        check(&["127.0.0.1", "127.255.255.255", "127.1.2.3", "::1"], AddressClass::Loopback);
        check(&["0.0.0.0", "0.1.2.3", "::"], AddressClass::Unspecified);
        check(&["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1"], AddressClass::LinkLocal);
    }

    #[test]
    fn the_default_denies_networks_that_are_not_the_internet() {
        check(
            &["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
            AddressClass::Private,
        );
        check(&["100.64.0.1", "100.127.255.255"], AddressClass::Shared);
        check(&["fc00::1", "fdff:ffff::1"], AddressClass::UniqueLocal);
        check(&["fec0::1", "feff::1"], AddressClass::SiteLocal);
    }

    #[test]
    fn metadata_services_are_named_as_such_in_either_version() {
        check(
            &[
                "169.254.169.254",
                "169.254.170.2",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "fd00:ec2::254",
                "fd20:ce::254",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
            ],
            AddressClass::Metadata,
        );
    }

    #[test]
    fn addresses_that_are_no_machine_are_denied() {
        check(&["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"], AddressClass::Multicast);
        check(&["255.255.255.255"], AddressClass::Broadcast);
        check(
            &["192.0.2.1", "198.51.100.1", "203.0.113.255", "2001:db8::1", "3fff:fff::1"],
            AddressClass::Documentation,
        );
        check(&["198.18.0.1", "198.19.255.255", "2001:2::1"], AddressClass::Benchmarking);
        check(
            &[
                "240.0.0.1",
                "255.255.255.254",
                "192.0.0.1",
                "192.88.99.1",
                "100::1",
                "100:0:0:1::1",
                "2001:10::1",
                "2001:20::1",
                "2001:1ff::1",
                "5f00::1",
                "4000::1",
                "::ffff:0:7f00:1",
                "64:ff9b::1:7f00:1",
                "1::",
            ],
            AddressClass::Reserved,
        );
    }

    #[test]
    fn tunnels_are_denied_since_their_end_cannot_be_judged() {
        check(
            &[
                "2002:7f00:1::",
                "2002:0808:0808::1",
                "2001::1",
                "2001:0:4136:e378::1",
                "64:ff9b:1::8.8.8.8",
            ],
            AddressClass::Tunnel,
        );
    }

    #[test]
    fn the_rest_of_the_internet_is_public() {
        check(
            &[
                "8.8.8.8",
                "1.1.1.1",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "169.253.255.255",
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.0",
                "192.167.255.255",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2001:200::1",
                "2001:4860:4860::8888",
                "2606:4700::1111",
                "3fff:1000::1",
            ],
            AddressClass::Public,
        );
    }

    #[test]
    fn a_grant_opens_loopback_and_nothing_else() {
        for (text, expected) in [
            ("127.0.0.1", None),
            ("::1", None),
            ("::ffff:127.0.0.1", None),
            ("8.8.8.8", None),
            ("0.0.0.0", Some(AddressClass::Unspecified)),
            ("10.0.0.1", Some(AddressClass::Private)),
            ("169.254.169.254", Some(AddressClass::Metadata)),
            ("2002:7f00:1::", Some(AddressClass::Tunnel)),
        ] {
            assert_eq!(refuse(text.parse().expect(text), true), expected, "{text}");
        }
    }

    fn spelled(prefix: &str, address: Ipv4Addr) -> IpAddr {
        let [a, b, c, d] = address.octets();
        format!("{prefix}{a:02x}{b:02x}:{c:02x}{d:02x}").parse().expect("an IPv6 address")
    }

    proptest! {
        #[test]
        fn mapped_ipv6_spellings_are_judged_as_the_ipv4_address(bits: u32) {
            let address = Ipv4Addr::from(bits);
            let class = AddressClass::of(address.into());
            for prefix in ["::ffff:", "64:ff9b::"] {
                prop_assert_eq!(AddressClass::of(spelled(prefix, address)), class);
            }
            // `::` and `::1` are addresses of their own.
            if bits > 1 {
                prop_assert_eq!(AddressClass::of(spelled("::", address)), class);
            }
        }

        #[test]
        fn a_public_address_is_none_of_what_the_standard_library_knows_as_special(bits: u128) {
            let v4 = Ipv4Addr::from((bits & 0xffff_ffff) as u32);
            if AddressClass::of(v4.into()) == AddressClass::Public {
                prop_assert!(!v4.is_loopback() && !v4.is_private() && !v4.is_link_local());
                prop_assert!(!v4.is_multicast() && !v4.is_broadcast() && !v4.is_documentation());
            }
            let v6 = Ipv6Addr::from(bits);
            if AddressClass::of(v6.into()) == AddressClass::Public && v6.to_ipv4().is_none() {
                prop_assert!(!v6.is_loopback() && !v6.is_multicast() && !v6.is_unicast_link_local());
                prop_assert!(!v6.is_unique_local() && !v6.is_unspecified());
            }
        }
    }
}
