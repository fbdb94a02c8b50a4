package file

import (
	"reflect"
	"slices"
	"strings"

	"todosync/connector"
	"todosync/mapping"
	"todosync/retry"
)

// A form is what a place in a settings file takes.
type form uint8

const (
	objectForm form = iota + 1
	dictForm        // any names, or those of shape.names, with values of one shape
	listForm
	textsForm // one text or a list of them
	textForm
	integerForm
	boolForm
	durationForm
	rateForm
	receiversForm // a mode, or an object
)

// A shape says what stands where in a settings file. It is read off the Go types of package connector, so that the two
// cannot drift apart.
type shape struct {
	form    form
	typ     reflect.Type
	members []shapeMember // of an object, and of the long form of receivers
	elem    *shape        // of a dict or a list
	names   []string      // of a dict with known names
	enum    []string      // of a text with known values
	folds   bool          // a dict whose names differ by more than case: headers
}

type shapeMember struct {
	name  string
	shape *shape
}

// member gives the shape of a member, nil where there is none of that name.
func (s *shape) member(name string) *shape {
	switch s.form {
	case dictForm:
		if s.names != nil && !slices.Contains(s.names, name) {
			return nil
		}
		return s.elem
	default:
		for _, m := range s.members {
			if m.name == name {
				return m.shape
			}
		}
	}
	return nil
}

// rank is where a member stands in canonical order; those that are not known stand behind.
func (s *shape) rank(name string) int {
	if s.form == dictForm {
		if i := slices.Index(s.names, name); i >= 0 {
			return i
		}
		return len(s.names)
	}
	for i := range s.members {
		if s.members[i].name == name {
			return i
		}
	}
	return len(s.members)
}

// known gives the names that an object or a dict takes; nil where it takes any.
func (s *shape) known() []string {
	if s.form == dictForm {
		return s.names
	}
	out := make([]string, len(s.members))
	for i, m := range s.members {
		out[i] = m.name
	}
	return out
}

// shapeOf reads the shape off a type.
func shapeOf(t reflect.Type) *shape {
	if t.Kind() == reflect.Pointer {
		return shapeOf(t.Elem())
	}
	s := &shape{typ: t, enum: enumOf(t)}
	switch t {
	case reflect.TypeFor[connector.Texts]():
		s.form, s.elem = textsForm, &shape{form: textForm, typ: reflect.TypeFor[connector.Text]()}
		return s
	case reflect.TypeFor[connector.Duration]():
		s.form = durationForm
		return s
	case reflect.TypeFor[connector.Rate]():
		s.form = rateForm
		return s
	case reflect.TypeFor[connector.ReceiverMode]():
		s.form, s.members = receiversForm, membersOf(t)
		s.enum = enumOf(reflect.TypeFor[mapping.Receivers]())
		return s
	case reflect.TypeFor[connector.Headers]():
		s.folds = true
	}
	switch t.Kind() {
	case reflect.Struct:
		s.form, s.members = objectForm, membersOf(t)
	case reflect.Map:
		s.form, s.elem, s.names = dictForm, shapeOf(t.Elem()), enumOf(t.Key())
	case reflect.Slice:
		s.form, s.elem = listForm, shapeOf(t.Elem())
	case reflect.Bool:
		s.form = boolForm
	case reflect.Int:
		s.form = integerForm
	default:
		s.form = textForm
	}
	return s
}

// membersOf gives the members of a struct as encoding/json sees them: those of an embedded struct stand in its place.
func membersOf(t reflect.Type) []shapeMember {
	var out []shapeMember
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, membersOf(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, shapeMember{name: name, shape: shapeOf(f.Type)})
	}
	return out
}

// alternatives gives the members of an object that exclude each other, nil where none do. A file that sets one of them
// drops the preset's others.
func (s *shape) alternatives() []string {
	switch s.typ {
	case reflect.TypeFor[connector.TokenSend]():
		return []string{"header", "query", "bearer"}
	case reflect.TypeFor[connector.SignPlace](), reflect.TypeFor[connector.SignTimestamp]():
		return []string{"field", "header", "query"}
	case reflect.TypeFor[mapping.Field]():
		return []string{"path", "from", "value", "join", "first"}
	}
	return nil
}

// enumOf gives the values that a text type takes, nil where it takes any.
func enumOf(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[connector.Protocol]():
		return texts(connector.REST, connector.WebService)
	case reflect.TypeFor[connector.Scene]():
		return texts(connector.Scenes()...)
	case reflect.TypeFor[mapping.Receivers]():
		return texts(mapping.Each, mapping.List, mapping.Joined)
	case reflect.TypeFor[connector.UnboundRule]():
		return texts(connector.UnboundHold, connector.UnboundFail, connector.UnboundSkip)
	case reflect.TypeFor[connector.FreezeRule]():
		return texts(connector.FreezeAtCreate, connector.FreezeAtAccepted)
	case reflect.TypeFor[connector.EditAs]():
		return texts(connector.EditAsEdit, connector.EditAsRecreate)
	case reflect.TypeFor[connector.Reopen]():
		return texts(connector.ReopenCreate, connector.ReopenNewID, connector.ReopenEdit)
	case reflect.TypeFor[connector.UnansweredRule]():
		return texts(connector.UnansweredAgain, connector.UnansweredHold)
	case reflect.TypeFor[retry.Class]():
		return texts(retry.Classes()...)
	case reflect.TypeFor[connector.CredentialsSend]():
		return texts(connector.CredentialsBody, connector.CredentialsBasic, connector.CredentialsJSON)
	case reflect.TypeFor[connector.SignOver]():
		return texts(connector.SignSortedFields, connector.SignBody, connector.SignTemplate)
	case reflect.TypeFor[connector.SignHash]():
		return texts(connector.HashMD5, connector.HashSHA1, connector.HashSHA256, connector.HashSM3,
			connector.HashHMACSHA1, connector.HashHMACSHA256, connector.HashHMACSM3)
	case reflect.TypeFor[connector.SignEncoding]():
		return texts(connector.EncodeHex, connector.EncodeBase64)
	case reflect.TypeFor[connector.SignCase]():
		return texts(connector.CaseLower, connector.CaseUpper)
	case reflect.TypeFor[connector.SignOnVendor]():
		return texts(connector.SignOnVendors()...)
	case reflect.TypeFor[connector.SignOnCharset]():
		return texts(connector.CharsetGBK)
	case reflect.TypeFor[connector.SeeyonRelease]():
		return texts(connector.SeeyonV5, connector.SeeyonOld, connector.SeeyonV8)
	case reflect.TypeFor[connector.Language]():
		return texts(connector.Chinese, connector.English)
	case reflect.TypeFor[connector.TicketKind]():
		return texts(connector.TicketOpaque, connector.TicketEdDSA, connector.TicketHS256)
	case reflect.TypeFor[connector.ChannelType]():
		return texts(connector.ChannelCRM, connector.ChannelEmail, connector.ChannelWebhook, connector.ChannelWeCom,
			connector.ChannelDingTalk, connector.ChannelFeishu)
	case reflect.TypeFor[connector.Severity]():
		return texts(connector.Severities()...)
	}
	return nil
}

func texts[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
