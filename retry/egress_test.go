package retry

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestEgress(t *testing.T) {
	t.Parallel()
	lists := EgressConfig{
		Deny:  []string{"10.0.0.0/8", "::ffff:172.16.0.0/108", "fd00::/8"},
		Allow: []string{"10.1.2.3", "0.0.0.0/0", "169.254.7.0/24", "100.100.100.200", "172.16.5.0/24"},
	}
	for name, test := range map[string]struct {
		config EgressConfig
		target string
		want   string // the reason; none: allowed
	}{
		"loopback":              {EgressConfig{}, "127.0.0.1:80", ""},
		"loopback, v6":          {EgressConfig{}, "[::1]:80", ""},
		"private":               {EgressConfig{}, "192.168.1.1:80", ""},
		"private, v6":           {EgressConfig{}, "[fd12::1]:80", ""},
		"public":                {EgressConfig{}, "93.184.216.34:443", ""},
		"NAT64 of public":       {EgressConfig{}, "[64:ff9b::5db8:d822]:443", ""},
		"metadata":              {EgressConfig{}, "169.254.169.254:80", "cloud metadata"},
		"metadata, mapped":      {EgressConfig{}, "[::ffff:169.254.169.254]:80", "cloud metadata"},
		"metadata, compatible":  {EgressConfig{}, "[::169.254.169.254]:80", "cloud metadata"},
		"metadata, NAT64":       {EgressConfig{}, "[64:ff9b::169.254.169.254]:80", "cloud metadata"},
		"metadata, 6to4":        {EgressConfig{}, "[2002:a9fe:a9fe::1]:80", "cloud metadata"},
		"metadata of AWS, v6":   {EgressConfig{}, "[fd00:ec2::254]:80", "cloud metadata"},
		"metadata of Google v6": {EgressConfig{}, "[fd20:ce::254]:80", "cloud metadata"},
		"metadata of Alibaba":   {EgressConfig{}, "100.100.100.200:80", "cloud metadata"},
		"link-local":            {EgressConfig{}, "169.254.1.1:80", "link-local"},
		"link-local, v6":        {EgressConfig{}, "[fe80::1%eth0]:80", "link-local"},
		"multicast":             {EgressConfig{}, "239.1.1.1:80", "multicast"},
		"multicast, v6":         {EgressConfig{}, "[ff02::1]:80", "multicast"},
		"broadcast":             {EgressConfig{}, "255.255.255.255:80", "broadcast"},
		"unspecified":           {EgressConfig{}, "0.0.0.0:80", "unspecified"},
		"unspecified, v6":       {EgressConfig{}, "[::]:80", "unspecified"},
		"this network":          {EgressConfig{}, "0.1.2.3:80", "unspecified"},
		"no address":            {EgressConfig{}, "oa.example:80", "it is no IP address"},
		"denied and allowed":    {lists, "10.1.2.3:80", ""},
		"denied":                {EgressConfig{Deny: lists.Deny}, "10.1.2.4:80", "egress-deny"},
		"denied, mapped":        {EgressConfig{Deny: lists.Deny}, "[::ffff:10.1.2.4]:80", "egress-deny"},
		"denied, written so":    {EgressConfig{Deny: lists.Deny}, "172.16.9.9:80", "egress-deny"},
		"denied, v6":            {EgressConfig{Deny: lists.Deny}, "[fd12::1]:80", "egress-deny"},
		"allowed by all":        {lists, "10.1.2.4:80", ""},
		"built-in, by all":      {lists, "169.254.169.254:80", "cloud metadata"},
		"built-in, by name":     {lists, "169.254.7.9:80", ""},
		"built-in, not named":   {lists, "169.254.8.9:80", "link-local"},
		"built-in, by address":  {lists, "100.100.100.200:80", ""},
		"metadata, by link":     {EgressConfig{Allow: []string{"169.254.0.0/16"}}, "169.254.169.254:80", "cloud metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := NewEgress(test.config)
			if err != nil {
				t.Fatal(err)
			}
			err = e.Control("tcp", test.target, nil)
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEgressOwn(t *testing.T) {
	t.Parallel()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		own, target string
		refused     bool
	}{
		"itself":               {"127.0.0.1:8080", "127.0.0.1:8080", true},
		"itself, mapped":       {"[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", true},
		"another port":         {"127.0.0.1:8080", "127.0.0.1:8081", false},
		"another address":      {"127.0.0.1:8080", "127.0.0.2:8080", false},
		"a store far away":     {"10.0.0.5:5432", "10.0.0.5:5432", true},
		"all":                  {"0.0.0.0:8080", "127.0.0.9:8080", true},
		"all, v6":              {"[::]:8080", "127.0.0.1:8080", true},
		"all, another machine": {"[::]:8080", "198.51.100.7:8080", false},
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && !prefix.Addr().IsLinkLocalUnicast() {
			own := netip.AddrPortFrom(prefix.Addr(), 8080).String()
			tests["all, as "+own] = struct {
				own, target string
				refused     bool
			}{"0.0.0.0:8080", own, true}
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := NewEgress(EgressConfig{Allow: []string{"0.0.0.0/0", "::/0"}, Own: func() []netip.AddrPort {
				return []netip.AddrPort{netip.MustParseAddrPort(test.own)}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Check(netip.MustParseAddrPort(test.target)); (err != nil) != test.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNewEgressNamesAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := NewEgress(EgressConfig{Deny: []string{"10.0.0.0/33", " 10.0.0.0/8 "}, Allow: []string{"oa", "fd00::/8"}})
	if err == nil || !strings.Contains(err.Error(), `egress-deny: "10.0.0.0/33"`) || !strings.Contains(err.Error(), `egress-allow: "oa"`) {
		t.Errorf("got %v", err)
	}
}
