//! An address in the internet that an owner may name.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An address that may be called: `https`, of a public host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Endpoint {
    origin: String,
    /// Path and query.
    rest: String,
}

impl Endpoint {
    /// `https://host`, with a port where it is not 443.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What follows the origin.
    pub fn rest(&self) -> &str {
        &self.rest
    }
}

impl TryFrom<String> for Endpoint {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url: Url = text.parse().map_err(|_| "must be an address such as https://example.com/muster")?;
        let host = url.host_str().unwrap_or_default();
        let number = host.trim_start_matches('[').trim_end_matches(']').parse();
        if url.scheme() != "https" {
            Err("must begin with https://")
        } else if !url.username().is_empty() || url.password().is_some() {
            Err("must not hold a user name or a password")
        } else if url.fragment().is_some() {
            Err("must not have a part after #")
        } else if host.eq_ignore_ascii_case("localhost") || number.is_ok_and(|address| !is_public(address)) {
            Err("must not be of this machine or a private network")
        } else {
            let origin = url.origin().ascii_serialization();
            let rest = url.as_str().get(origin.len()..).unwrap_or_default().to_owned();
            Ok(Self { origin, rest })
        }
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.origin + &endpoint.rest
    }
}

/// Whether an address is one of the internet's, and none of this machine, its network or its cloud.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let reserved = a == 0 || a >= 240 || (a, b, c) == (192, 0, 0) || (a == 198 && (b == 18 || b == 19));
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || shared
                || reserved)
        }
        IpAddr::V6(address) => match (address.to_ipv4_mapped(), address.segments()) {
            (Some(mapped), _) => is_public(mapped.into()),
            // The addresses of the other kind, as translators write them.
            (None, [0x64, 0xff9b, 0, 0, 0, 0, high, low]) => {
                is_public(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).into())
            }
            // Only what begins with 001 is given out to anybody.
            (None, [first, second, ..]) => first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0xdb8),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for address in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2a00:1450:4001:829::200e", "64:ff9b::808:808"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
