package socket

import (
	"fmt"
	"net/netip"
)

// Policy judges an address that is about to be dialled; an error refuses it.
type Policy = func(network string, addr netip.AddrPort) error

// notPublic are the ranges that are not unicast addresses of the public
// internet, from IANA's special-purpose registries; of IPv6 those inside
// 2000::/3, since all outside is refused. NAT64 and 6to4 addresses are judged
// by the IPv4 address inside them.
var notPublic = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("3fff::/20"),
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3") // all of IPv6 that IANA has given out
	nat64         = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour     = netip.MustParsePrefix("2002::/16")
)

// DenyPrivate is a Policy that lets only addresses of the public internet be
// dialled: not the machine itself, its network, a cloud's metadata service.
func DenyPrivate(_ string, addr netip.AddrPort) error {
	ip := addr.Addr().Unmap().WithZone("")
	for _, p := range notPublic {
		if p.Contains(ip) {
			return fmt.Errorf("%w: %s is in %s", ErrDenied, addr.Addr(), p)
		}
	}
	if !ip.IsValid() {
		return fmt.Errorf("%w: no address", ErrDenied)
	}
	if ip.Is6() {
		b := ip.As16()
		inner := netip.Addr{}
		switch {
		case nat64.Contains(ip):
			inner = netip.AddrFrom4([4]byte(b[12:16]))
		case sixToFour.Contains(ip):
			inner = netip.AddrFrom4([4]byte(b[2:6]))
		case globalUnicast.Contains(ip):
			return nil
		default:
			return fmt.Errorf("%w: %s is not in %s", ErrDenied, addr.Addr(), globalUnicast)
		}
		if DenyPrivate("", netip.AddrPortFrom(inner, addr.Port())) != nil {
			return fmt.Errorf("%w: %s stands for %s", ErrDenied, addr.Addr(), inner)
		}
	}
	return nil
}
