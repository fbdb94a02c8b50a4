package retry

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// ErrNotAllowed is what Egress refuses with; use errors.Is. The error's text names the address and the reason.
var ErrNotAllowed = errors.New("not allowed")

// An EgressConfig adds to the built-in rules. Networks are written as 10.1.0.0/16, single addresses as 10.1.2.3.
type EgressConfig struct {
	Deny  []string // refused, besides the built-in ones
	Allow []string // called in spite of Deny; a built-in network only where it, or a part of it, stands here itself

	// Own names what this server listens on, and its store, as they are at that moment; nil: nothing. It is called for
	// each connection that is opened, from many goroutines. Nothing allows these.
	Own func() []netip.AddrPort
}

// An Egress decides which addresses this server may open connections to. It judges the address that is dialled, after
// the name was looked up: neither a redirect, nor a name that changes its address, nor another notation of an address
// gets past it. Loopback and private networks are allowed, since OAs live there.
//
// It is safe for concurrent use.
type Egress struct {
	deny, allow []netip.Prefix
	own         func() []netip.AddrPort
}

// A network that is refused unless it is allowed by name.
type forbidden struct {
	network netip.Prefix
	what    string
}

// forbiddenNetworks are the built-in rules; the more telling reason stands first.
func forbiddenNetworks() []forbidden {
	const metadata = "cloud metadata"
	return []forbidden{
		{netip.MustParsePrefix("169.254.169.254/32"), metadata}, // most clouds
		{netip.MustParsePrefix("169.254.170.0/24"), metadata},   // AWS, credentials of containers
		{netip.MustParsePrefix("fd00:ec2::/32"), metadata},      // AWS
		{netip.MustParsePrefix("fd20:ce::254/128"), metadata},   // Google
		{netip.MustParsePrefix("100.100.100.200/32"), metadata}, // Alibaba
		{netip.MustParsePrefix("192.0.0.192/32"), metadata},     // Oracle
		{netip.MustParsePrefix("168.63.129.16/32"), metadata},   // Azure
		{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
		{netip.MustParsePrefix("fe80::/10"), "link-local"},
		{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
		{netip.MustParsePrefix("ff00::/8"), "multicast"},
		{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
		{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
		{netip.MustParsePrefix("::/128"), "unspecified"},
	}
}

// NewEgress makes the rules; all networks that cannot be read are named at once.
func NewEgress(c EgressConfig) (*Egress, error) {
	deny, err := parseNetworks("egress-deny", c.Deny)
	problems := []error{err}
	allow, err := parseNetworks("egress-allow", c.Allow)
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, err
	}
	return &Egress{deny: deny, allow: allow, own: c.Own}, nil
}

// defaultEgress are the built-in rules alone.
func defaultEgress() *Egress { return &Egress{} }

func parseNetworks(setting string, texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	var problems []error
	for _, text := range texts {
		text = strings.TrimSpace(text)
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, plain := netip.ParseAddr(text)
			if plain != nil {
				problems = append(problems, fmt.Errorf("%s: %q is no network; write 10.1.0.0/16, fd00::/8 or an address", setting, text))
				continue
			}
			addr = addr.Unmap().WithZone("")
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		if network.Addr().Is4In6() && network.Bits() >= 96 {
			network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
		}
		networks = append(networks, network.Masked())
	}
	return networks, errors.Join(problems...)
}

// Control is for net.Dialer.Control: it refuses the connection before its first packet.
func (e *Egress) Control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s is %w: it is no IP address with a port", address, ErrNotAllowed)
	}
	return e.Check(target)
}

// Check says why an address may not be called, or nil.
func (e *Egress) Check(target netip.AddrPort) error {
	addr := target.Addr().WithZone("").Unmap()
	refuse := func(why string) error { return fmt.Errorf("%s is %w (%s)", target, ErrNotAllowed, why) }
	if e.isOwn(netip.AddrPortFrom(addr, target.Port())) {
		return refuse("this server itself")
	}
	for _, addr := range reaches(addr) {
		for _, f := range forbiddenNetworks() {
			if f.network.Contains(addr) && !e.opens(f.network, addr) {
				return refuse(f.what)
			}
		}
		if anyContains(e.deny, addr) && !anyContains(e.allow, addr) {
			return refuse("egress-deny")
		}
	}
	return nil
}

// opens tells whether a forbidden network was allowed on purpose: 0.0.0.0/0 does not open 169.254.0.0/16, nor does that
// open 169.254.169.254/32.
func (e *Egress) opens(network netip.Prefix, addr netip.Addr) bool {
	for _, a := range e.allow {
		if a.Contains(addr) && a.Bits() >= network.Bits() {
			return true
		}
	}
	return false
}

func (e *Egress) isOwn(target netip.AddrPort) bool {
	if e.own == nil {
		return false
	}
	for _, own := range e.own() {
		if own.Port() != target.Port() {
			continue
		}
		addr := own.Addr().WithZone("").Unmap()
		if addr == target.Addr() || addr.IsUnspecified() && isOfThisMachine(target.Addr()) {
			return true
		}
	}
	return false
}

// isOfThisMachine errs on the side of yes: where the machine does not tell its addresses, only the port counts.
func isOfThisMachine(addr netip.Addr) bool {
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range addresses {
		network, err := netip.ParsePrefix(a.String())
		if err == nil && network.Addr().WithZone("").Unmap() == addr {
			return true
		}
	}
	return false
}

// reaches are the addresses that a packet to addr ends at: itself, and an IPv4 address that it carries (NAT64, 6to4 and
// the old IPv4-compatible form).
func reaches(addr netip.Addr) []netip.Addr {
	all := []netip.Addr{addr}
	if !addr.Is6() {
		return all
	}
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr),
		netip.MustParsePrefix("::/96").Contains(addr) && !addr.IsUnspecified() && !addr.IsLoopback():
		all = append(all, netip.AddrFrom4([4]byte(b[12:16])))
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		all = append(all, netip.AddrFrom4([4]byte(b[2:6])))
	}
	return all
}

func anyContains(networks []netip.Prefix, addr netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
