//! URLs and origins: what is accepted has one spelling, and the client that sends it reads the same host and port.

#![no_main]

use connector_egress::{Grant, Origin, OriginPattern, RequestUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(url) = RequestUrl::parse(text) {
        assert_eq!(url.as_str(), text);
        let sent: http::Uri = text.parse().expect("the client takes what the policy took");
        let origin = url.origin();
        let host = sent.host().expect("a host");
        assert_eq!(host, origin.host.to_string());
        assert_eq!(sent.scheme_str(), Some(origin.scheme.as_str()));
        let port = sent.port_u16().unwrap_or(origin.scheme.default_port());
        assert_eq!(port, origin.port);
        let target = sent.path_and_query().expect("a path").as_str();
        assert_eq!(target, url.path_and_query());
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string(), text);
        let url =
            RequestUrl::parse(&format!("{origin}/x")).expect("an origin and a path are a URL");
        assert_eq!(*url.origin(), origin);
    }
    if let Ok(pattern) = text.parse::<OriginPattern>() {
        assert_eq!(pattern.to_string(), text);
    }
    if let Ok(grant) = text.parse::<Grant>() {
        assert_eq!(grant.to_string(), text);
    }
});
