package mapping

// standIn gives a rendering of a made-up event (Scope.Sample) a value that can stand where the event's own cannot: a host,
// a port, a segment of a path, the beginning of an address. What only the real event has must not make a good template
// look wrong; for the same reason a field that is required may be missing there.
func (r *run) standIn(v *value, h *hole, first bool) bool {
	text := ""
	switch g := h.place.guard; {
	case first && r.t.addressed:
		if isAddress([]byte(v.string())) {
			return false
		}
		text = "https://host.example"
	case g.kind == 0 || g.check(v.string()) == nil:
		return false
	case g.kind == guardPort:
		text = "443"
	case g.kind == guardSegment:
		text = "segment"
	case g.kind == guardLabel:
		text = "host"
	default:
		text = "host.example"
	}
	*v = value{kind: textual, text: text}
	return true
}
