package file

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"todosync/connector"
	"todosync/connector/preset"
	"todosync/mapping"
)

// Schema gives the JSON Schema (2020-12) of a kind of document, connection or tenant, for editors. It says what may stand where;
// what Parse checks besides (templates, addresses, what belongs together) no schema can say.
func Schema(kind string) ([]byte, error) {
	var t reflect.Type
	required := []string{"apiVersion", "kind", "tenant"}
	switch strings.ToLower(kind) {
	case "connection":
		t = reflect.TypeFor[connector.Connection]()
		required = append(required, "name")
	case "tenant":
		t = reflect.TypeFor[connector.Tenant]()
	default:
		return nil, fmt.Errorf("there is no schema of %q: want connection or tenant", kind)
	}
	s := schemer{about: descriptions(), defs: map[string]any{}}
	root := s.object(shapeOf(t), defaultsOf(t))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "todosync " + t.Name()
	root["type"] = "object"
	root["required"] = required
	root["$defs"] = s.defs
	properties := root["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"const": connector.APIVersion, "description": s.about["apiVersion"]}
	properties["kind"] = map[string]any{"const": t.Name(), "description": s.about["kind"]}
	pattern(properties["tenant"], `^[A-Za-z0-9_-]{1,64}$`)
	if p, ok := properties["name"]; ok {
		pattern(p, `^[a-z0-9-]{1,63}$`)
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema of %s: %w", kind, err)
	}
	return append(out, '\n'), nil
}

func pattern(property any, p string) { property.(map[string]any)["pattern"] = p }

// A schemer writes shapes as schemas. Objects are written once, under their type's name.
type schemer struct {
	about map[string]string
	defs  map[string]any
}

// of gives the schema of a shape. null is right everywhere: it takes away what the preset says. defaults are those of the members
// where it is an object.
func (s *schemer) of(sh *shape, defaults any) map[string]any {
	switch sh.form {
	case objectForm:
		name := sh.typ.Name()
		if _, ok := s.defs[name]; !ok {
			members, _ := defaults.(map[string]any)
			if members == nil {
				members = defaultsOf(sh.typ)
			}
			s.defs[name] = nil
			s.defs[name] = s.object(sh, members)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	case dictForm:
		return s.dict(sh)
	case listForm:
		return map[string]any{"type": []string{"array", "null"}, "items": s.item(sh.elem)}
	case textsForm:
		return map[string]any{
			"type":  []string{"string", "number", "boolean", "array", "null"},
			"items": map[string]any{"type": []string{"string", "number", "boolean"}},
		}
	case receiversForm:
		return map[string]any{"anyOf": []any{
			map[string]any{"enum": values(sh.enum, true)},
			map[string]any{"type": "object", "properties": s.properties(sh, nil), "additionalProperties": false},
		}}
	case integerForm:
		return map[string]any{"type": []string{"integer", "null"}}
	case boolForm:
		return map[string]any{"type": []string{"boolean", "null"}}
	case durationForm:
		return map[string]any{"type": []string{"string", "null"}, "pattern": `^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$`, "examples": []string{"10s", "5m", "2h", "90d"}}
	case rateForm:
		return map[string]any{"type": []string{"string", "null"}, "pattern": `^[1-9][0-9]*/[smh]$`, "examples": []string{"100/s"}}
	default:
		if sh.enum != nil {
			return map[string]any{"enum": values(sh.enum, true)}
		}
		return map[string]any{"type": []string{"string", "number", "boolean", "null"}}
	}
}

// item gives the schema of a list's item, which can't be null.
func (s *schemer) item(sh *shape) map[string]any {
	out := s.of(sh, nil)
	if sh.enum != nil && sh.form == textForm {
		return map[string]any{"enum": values(sh.enum, false)}
	}
	if types, ok := out["type"].([]string); ok {
		out["type"] = types[:len(types)-1]
	}
	return out
}

func (s *schemer) object(sh *shape, defaults map[string]any) map[string]any {
	return map[string]any{"type": []string{"object", "null"}, "properties": s.properties(sh, defaults), "additionalProperties": false}
}

func (s *schemer) properties(sh *shape, defaults map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range sh.members {
		p := s.of(m.shape, defaults[m.name])
		maps.Copy(p, narrowed(sh.typ, m.name))
		if m.shape.form != objectForm && m.shape.form != dictForm && meaningful(defaults[m.name]) {
			p["default"] = defaults[m.name]
		}
		if text := s.about[sh.typ.Name()+"."+m.name]; text != "" {
			p["description"] = text
		} else if text := s.about[m.name]; text != "" {
			p["description"] = text
		}
		out[m.name] = p
	}
	return out
}

func (s *schemer) dict(sh *shape) map[string]any {
	out := map[string]any{"type": []string{"object", "null"}}
	switch {
	case sh.names != nil:
		properties := map[string]any{}
		for _, name := range sh.names {
			p := s.of(sh.elem, nil)
			p["description"] = s.about["Scene."+name]
			properties[name] = p
		}
		out["properties"], out["additionalProperties"] = properties, false
	case sh.elem.typ == reflect.TypeFor[mapping.Field]():
		out["patternProperties"] = map[string]any{`^F(0|[2-9])[0-9]{2}$`: s.of(sh.elem, nil)}
		out["additionalProperties"] = false
	default:
		out["additionalProperties"] = s.of(sh.elem, nil)
	}
	return out
}

// defaultsOf gives what holds where a document of the type, or an object in one, says nothing.
func defaultsOf(t reflect.Type) map[string]any {
	var of any
	switch t {
	case reflect.TypeFor[connector.Connection]():
		of = connector.Defaults()
	case reflect.TypeFor[connector.Tenant]():
		of = connector.DefaultTenant()
	case reflect.TypeFor[connector.SignOnSkew]():
		of = connector.DefaultSkew()
	case reflect.TypeFor[connector.SceneSettings]():
		return map[string]any{"enabled": true, "method": "POST"}
	case reflect.TypeFor[connector.RequestSettings]():
		return map[string]any{"method": "POST"}
	case reflect.TypeFor[connector.OAuth2Settings]():
		return map[string]any{"send": string(connector.CredentialsBody)}
	}
	raw, err := json.Marshal(of)
	var out map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		panic("the defaults are not JSON: " + err.Error()) // they are this program's own
	}
	return out
}

// meaningful reports whether a default says anything.
func meaningful(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	}
	return true
}

// narrowed gives what is known of a member beyond its type.
func narrowed(t reflect.Type, name string) map[string]any {
	switch t.Name() + "." + name {
	case "Connection.preset":
		return oneOf(preset.Names()...)
	case "SceneSettings.method", "RequestSettings.method":
		return oneOf(methods()...)
	case "TLSSettings.minVersion":
		return map[string]any{"enum": []any{"1.0", "1.1", "1.2", "1.3", 1.0, 1.1, 1.2, 1.3, nil}}
	case "Limits.concurrency":
		return map[string]any{"minimum": 1, "maximum": maxConcurrency}
	case "ReceiverMode.max":
		return map[string]any{"minimum": 1, "maximum": maxReceivers}
	case "DownSettings.after":
		return map[string]any{"minimum": 0}
	case "DownSettings.probe":
		return map[string]any{"minItems": 2, "maxItems": 2}
	case "RetrySettings.schedule":
		return map[string]any{"maxItems": maxSchedule}
	case "Field.max":
		return map[string]any{"minimum": 1}
	case "Field.format", "Connection.timeFormat":
		return map[string]any{"examples": []string{"yyyy-MM-dd HH:mm:ss", "yyyyMMddHHmmss", "yyyy-MM-dd'T'HH:mm:ssXXX", "epochMillis", "epochSeconds", "rfc3339"}}
	case "Field.zone", "Connection.timeZone", "Tenant.timeZone":
		return map[string]any{"examples": []string{"Asia/Shanghai", "Europe/Berlin", "UTC"}}
	}
	return nil
}

func oneOf(names ...string) map[string]any { return map[string]any{"enum": values(names, true)} }

func values(enum []string, null bool) []any {
	out := make([]any, 0, len(enum)+1)
	for _, v := range enum {
		out = append(out, v)
	}
	if null {
		out = append(out, nil)
	}
	return out
}
