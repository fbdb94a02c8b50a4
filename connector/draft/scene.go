package draft

import (
	"regexp"
	"slices"
	"strings"
)

// The words of an address or operation that tell a scene, in the order in which they count.
var sceneWords = []struct {
	scene string
	words []string
}{
	{"delete", []string{"delete", "del", "remove", "cancel", "revoke", "withdraw", "recall", "shanchu", "chehui", "quxiao"}},
	{"done", []string{"done", "finish", "complete", "completed", "over", "close", "end", "handled", "yiban", "banjie", "wancheng"}},
	{"edit", []string{"update", "edit", "modify", "change", "xiugai", "gengxin"}},
	{"remind", []string{"remind", "reminder", "singlemessage"}},
}

// sceneOf is the scene that a sample is of.
func (b *builder) sceneOf(r *request, s *sample) string {
	switch {
	case b.o.Scene != "" && len(b.requests) == 0:
		return b.o.Scene
	case s.scene != "":
		return s.scene
	case r.method == "DELETE":
		return "delete"
	}
	if scene := r.stateScene(); scene != "" {
		return scene
	}
	spelled := words(operationOf(r.path, s))
	for _, w := range spelled { // deltask, processDone
		spelled = append(spelled, piecesOf(w)...)
	}
	for _, c := range sceneWords {
		if slices.ContainsFunc(spelled, func(w string) bool { return slices.Contains(c.words, w) }) {
			return c.scene
		}
	}
	return "create"
}

// piecesOf finds the word of a scene at the begin of one that is written together with another.
func piecesOf(word string) []string {
	for _, c := range sceneWords {
		for _, w := range c.words {
			if len(w) >= 3 && strings.HasPrefix(word, w) && len(pieces(word[len(w):])) > 0 {
				return []string{w}
			}
		}
	}
	return nil
}

// stateScene is what the state in the body says, at OAs that have one address for several scenes.
func (r *request) stateScene() string {
	if r.vendor == nil {
		return ""
	}
	value := func(name string) string {
		for _, l := range r.leaves {
			if l.where == inBody && l.name() == name {
				return l.sample
			}
		}
		return ""
	}
	switch r.vendor.preset {
	case "seeyon":
		switch {
		case strings.Contains(r.path, "thirdpartyMessage"):
			return "remind"
		case value("state") == "2":
			return "delete"
		case value("state") == "1":
			return "done"
		}
	case "weaver":
		switch value("isremark") {
		case "2", "4":
			return "done"
		case "0":
			return "create"
		}
		if value("userid") != "" {
			return "delete"
		}
	case "yunzhijia":
		if value("delete") == "1" {
			return "delete"
		}
		if value("deal") == "1" {
			return "done"
		}
	}
	return ""
}

var soapBody = regexp.MustCompile(`<(?:[A-Za-z0-9_]+:)?Body[^>]*>\s*<(?:[A-Za-z0-9_]+:)?([A-Za-z0-9_.-]+)`)

// operationOf are the last words of the address, and the operation of a SOAP message.
func operationOf(path string, s *sample) string {
	if m := soapBody.FindStringSubmatch(s.body); m != nil {
		return m[1]
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	out := parts[len(parts)-1]
	if len(parts) > 1 {
		out = parts[len(parts)-2] + " " + out
	}
	return out
}
