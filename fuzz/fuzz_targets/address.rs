//! Address classes: a spelling that carries an IPv4 address is judged as that address, and nothing inside of a network
//! is public.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use connector_egress::AddressClass;
use connector_egress::address::refuse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: [u8; 16]| {
    let v6 = Ipv6Addr::from(bytes);
    let v4 = Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]);
    for granted in [false, true] {
        let alone = refuse(IpAddr::V4(v4), granted);
        assert_eq!(refuse(IpAddr::V6(v4.to_ipv6_mapped()), granted), alone);
        let [high, low] = [(bytes[12], bytes[13]), (bytes[14], bytes[15])]
            .map(|(first, second)| u16::from_be_bytes([first, second]));
        let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
        assert_eq!(refuse(IpAddr::V6(nat64), granted), alone);
    }
    if AddressClass::of(IpAddr::V4(v4)) == AddressClass::Public {
        assert!(!v4.is_loopback() && !v4.is_private() && !v4.is_link_local());
        assert!(!v4.is_multicast() && !v4.is_broadcast() && !v4.is_unspecified());
    }
    if AddressClass::of(IpAddr::V6(v6)) == AddressClass::Public && v6.to_ipv4().is_none() {
        assert!(!v6.is_loopback() && !v6.is_unique_local() && !v6.is_unicast_link_local());
        assert!(!v6.is_multicast() && !v6.is_unspecified());
    }
});
