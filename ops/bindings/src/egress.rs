//! Where apps may connect to. The rules are handed to deno_fetch as deny rules on addresses: it resolves a name once,
//! checks every address it got and connects to exactly those, and checks the target of each redirect again.

use std::sync::Arc;

use deno_permissions::{Host, NetDescriptor, Permissions, PermissionsContainer, RuntimePermissionDescriptorParser};
use ipnet::IpNet;

/// Networks that are not the public internet: loopback, link-local, private, carrier-grade, benchmark, documentation,
/// multicast, reserved, and the IPv6 ranges that embed IPv4 addresses. After the IANA special-purpose address
/// registries (RFC 6890 and its updates). IPv4-mapped IPv6 addresses are compared as the IPv4 address they carry.
pub const PRIVATE_NETWORKS: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Which private addresses apps may reach; public ones are always open.
#[derive(Clone, Debug, Default)]
pub struct EgressRules {
    /// All of them.
    pub allow_private: bool,
    /// These networks.
    pub allow: Vec<IpNet>,
}

impl EgressRules {
    /// The networks that are refused.
    pub fn denied(&self) -> Vec<IpNet> {
        if self.allow_private {
            return Vec::new();
        }
        let private = PRIVATE_NETWORKS.iter().filter_map(|network| network.parse().ok());
        private.flat_map(|network| without(network, &self.allow)).collect()
    }

    /// The rules in the form the web platform's ops ask for. Everything but the network is closed to them.
    pub fn permissions(&self) -> PermissionsContainer {
        let parser = Arc::new(RuntimePermissionDescriptorParser::new(sys_traits::impls::RealSys));
        let denied: Vec<_> = self.denied().into_iter().map(|net| NetDescriptor(Host::IpSubnet(net), None)).collect();
        let mut permissions = Permissions::none_without_prompt();
        // An empty list of what is allowed means everything that is not denied.
        permissions.net = Permissions::new_unary(Some(Vec::new()), (!denied.is_empty()).then_some(denied), false);
        PermissionsContainer::new(parser, permissions)
    }
}

/// `network` less the allowed ones, as the largest networks that cover the rest.
fn without(network: IpNet, allowed: &[IpNet]) -> Vec<IpNet> {
    if allowed.iter().any(|allowed| allowed.contains(&network)) {
        return Vec::new();
    }
    if !allowed.iter().any(|allowed| network.contains(allowed)) {
        return vec![network];
    }
    let halves = network.subnets(network.prefix_len() + 1).into_iter().flatten();
    halves.flat_map(|half| without(half, allowed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(rules: &EgressRules, address: &str) -> bool {
        let address: std::net::IpAddr = address.parse().unwrap();
        rules.denied().iter().any(|network| network.contains(&address))
    }

    #[test]
    fn an_exception_opens_exactly_its_own_addresses() {
        let closed = EgressRules::default();
        let open = EgressRules { allow: vec!["10.1.2.0/24".parse().unwrap()], ..EgressRules::default() };
        for address in ["10.1.2.0", "10.1.2.255"] {
            assert!(refuses(&closed, address) && !refuses(&open, address), "{address}");
        }
        for address in ["10.1.1.255", "10.1.3.0", "127.0.0.1", "::1", "fd00::1", "169.254.169.254"] {
            assert!(refuses(&closed, address) && refuses(&open, address), "{address}");
        }
        assert!(!refuses(&closed, "93.184.216.34"));
        assert!(EgressRules { allow_private: true, ..EgressRules::default() }.denied().is_empty());
    }
}
