/** Faucet's configurations of an operator's notes: switch, router, access list. `arp_neighbor_timeout` is 1799: Faucet wants it below half of `timeout`. */

const HEAD = `dps:
    switch-1:
        dp_id: 0x1
        hardware: "Open vSwitch"
        timeout: 3600
        arp_neighbor_timeout: 1799
        interfaces:
            1:
                native_vlan: 100
                ACL
            2: {native_vlan: 100}
            3: {native_vlan: 100}
            4: {native_vlan: 200}
            5: {native_vlan: 200}
`
const ROUTER = `vlans:
    100:
        faucet_vips: ["10.100.0.254/24"]
    200:
        faucet_vips: ["10.200.0.254/24"]
routers:
    router-1:
        vlans: [100, 200]
`
const ACLS = `acls:
    1:
        - rule:
            dl_type: 0x800
            nw_proto: 6
            tcp_dst: 8080
            actions:
                allow: 0
        - rule:
            actions:
                allow: 1
`
export const switchConfiguration = `${HEAD.replace('ACL', '')}vlans:\n    100:\n    200:\n`
export const routerConfiguration = `${HEAD.replace('ACL', '')}${ROUTER}`
export const aclConfiguration = `${HEAD.replace('ACL', 'acl_in: 1')}${ROUTER}${ACLS}`
