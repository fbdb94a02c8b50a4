package mapping

import (
	"net/netip"
	"strconv"
	"strings"
)

// A guard is what a value must be beyond being escaped: in the host of a URL, and as a segment of its path.
type guard struct {
	kind guardKind
	dots int // of guardSegment: the literal dots in the segment
}

type guardKind uint8

const (
	guardHost     guardKind = iota + 1 // a whole host
	guardHostPort                      // a whole host, with or without a port
	guardLabel                         // a part of a host
	guardPort
	guardSegment // not . or ..
)

func (g guard) check(v string) error {
	ok := false
	switch g.kind {
	case guardHost:
		ok = isHost(v)
	case guardHostPort:
		host, port, found := cutPort(v)
		ok = isHost(host) && (!found || isPort(port))
	case guardLabel:
		ok = v != "" && isHostText(v)
	case guardPort:
		if !isPort(v) {
			return mistake("%q stands where a URL has its port, and is none", "%q 位于 URL 的端口处，但不是端口", shorten(v, 80))
		}
		return nil
	case guardSegment:
		if n := len(v) + g.dots; (n == 1 || n == 2) && strings.Trim(v, ".") == "" {
			return mistake("%q would make a segment of the path . or .., which is refused", "%q 会使路径段成为 . 或 ..，已拒绝", v)
		}
		return nil
	}
	if !ok {
		return mistake("%q stands where a URL has its host, and is none", "%q 位于 URL 的主机处，但不是主机", shorten(v, 80))
	}
	return nil
}

// cutPort splits host:port; a colon inside brackets is the host's.
func cutPort(v string) (host, port string, found bool) {
	i := strings.LastIndexByte(v, ':')
	if i < 0 || strings.IndexByte(v[i:], ']') >= 0 {
		return v, "", false
	}
	return v[:i], v[i+1:], true
}

func isPort(v string) bool {
	n, err := strconv.ParseUint(v, 10, 16)
	return err == nil && n > 0 && v[0] != '+'
}

func isHost(v string) bool {
	if inside, ok := strings.CutPrefix(v, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inside, "]"))
		return err == nil && addr.Is6() && addr.Zone() == "" && strings.HasSuffix(v, "]")
	}
	return v != "" && len(v) <= 253 && isHostText(v) && v[0] != '-' && !strings.HasPrefix(v, ".") && !strings.Contains(v, "..")
}

func isHostText(v string) bool {
	for _, c := range []byte(v) {
		if !isLetter(c) && !isDigit(c) && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
