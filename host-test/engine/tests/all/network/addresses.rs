//! Every address that a name resolves to is judged when it is dialled, and the one that was judged is dialled.

use std::net::{IpAddr, SocketAddr};

use crate::support::lab::{HOME, Lab, assert_error, get};
use crate::support::server::{Server, answer};

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse::<IpAddr>().expect("an address"), port)
}

fn check(addresses: &[SocketAddr]) {
    let lab = Lab::new().resolving(addresses);
    let received = lab.send_one(get("/"));
    assert_error(&received, "denied", false);
    assert_eq!(lab.rule(), "address-class", "{addresses:?}");
    assert_eq!(lab.record().dialled, None, "{addresses:?}");
}

#[test]
fn no_address_inside_a_network_is_dialled_whatever_its_name() {
    for address in [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.0.1",
        "fe80::1",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "100.64.0.1",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8::1",
        "198.18.0.1",
        "240.0.0.1",
        "192.0.0.1",
        "fc00::1",
        "fec0::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2001:0:4136:e378::1",
    ] {
        check(&[at(address, 443)]);
    }
}

#[test]
fn a_name_of_the_machine_itself_gets_no_connection() {
    let server = Server::answering(answer("200 OK", &[], "inside"));
    check(&[server.address()]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn one_forbidden_address_among_good_ones_is_enough() {
    let server = Server::answering(answer("200 OK", &[], "inside"));
    let port = server.address().port();
    check(&[at("8.8.8.8", port), at("127.0.0.1", port)]);
    check(&[at("127.0.0.1", port), at("8.8.8.8", port)]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_grant_of_loopback_opens_loopback_alone() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let port = server.address().port();
    for address in ["10.0.0.1", "169.254.169.254", "0.0.0.0", "fe80::1"] {
        let lab = Lab::of(&server).resolving(&[at(address, port)]);
        assert_error(&lab.send_one(get("/")), "denied", false);
        assert_eq!(lab.rule(), "address-class");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_grant_to_a_name_opens_no_address_of_the_machine() {
    let server = Server::answering(answer("200 OK", &[], "inside"));
    let target = format!("https://proxy.example.test:{}", server.address().port());
    let lab = Lab::new().grant(HOME, &target);
    assert_error(&lab.send_one(get("/")), "denied", false);
    assert_eq!(lab.rule(), "address-class");
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_address_that_was_judged_is_dialled_without_a_second_look_up() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let lab = Lab::of(&server);
    let received = lab.send_one(get("/"));
    assert_eq!(received["text"], "fine");
    assert_eq!(lab.lookup.asked(), ["localhost"]);
    assert_eq!(lab.record().dialled, Some(server.address()));
}

#[test]
fn a_name_without_an_address_is_told_as_that() {
    let lab = Lab::new().resolving(&[]);
    assert_error(&lab.send_one(get("/")), "dns", false);
}

#[test]
fn the_next_address_is_tried_where_one_refuses() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let gone = Server::raw(|_| Ok(()));
    let closed = gone.address();
    drop(gone);
    let lab = Lab::of(&server).resolving(&[closed, server.address()]);
    assert_eq!(lab.send_one(get("/"))["text"], "fine");
    assert_eq!(lab.record().dialled, Some(server.address()));
}
