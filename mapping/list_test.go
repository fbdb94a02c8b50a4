package mapping

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReceivers(t *testing.T) {
	t.Parallel()
	people := []Person{{ID: "1", Name: "A", Account: "a"}, {ID: "2", Name: "B", Account: `b"<`}, {ID: "3", Name: "C", Account: "c"}}
	for name, tt := range map[string]struct {
		mode   Receivers
		people []Person
		src    string
		want   string
	}{
		"object":               {List, people, `{"params":[{"openId":"#F001"}],"n":1}`, `{"params":[{"openId":"a"},{"openId":"b\"<"},{"openId":"c"}],"n":1}`},
		"one receiver":         {List, people[:1], `{"params":[{"openId":"#F001"}]}`, `{"params":[{"openId":"a"}]}`},
		"string":               {List, people, `["x", "#F101", "y"]`, `["x", "1","2","3", "y"]`},
		"value":                {List, people, `[{"ids":[#F101]}]`, `[{"ids":["1","2","3"]}]`},
		"smallest":             {List, people, `[{"a":[["#F001"],1]}]`, `[{"a":[["a","b\"<","c"],1]}]`},
		"two arrays":           {List, people[:2], `{"a":["#F001"],"b":[{"n":"#F102"}]}`, `{"a":["a","b\"<"],"b":[{"n":"A"},{"n":"B"}]}`},
		"one in another":       {List, people[:2], `{"a":[{"n":"#F102","ids":["#F001"]}]}`, `{"a":[{"n":"A","ids":["a"]},{"n":"B","ids":["b\"<"]}]}`},
		"own field":            {List, people[:2], `{"a":[{"n":"#F223"}]}`, `{"a":[{"n":"A:a"},{"n":"B:b\"<"}]}`},
		"nothing to repeat":    {List, people, `{"to":"#F101","a":[1]}`, `{"to":"1,2,3","a":[1]}`},
		"beside the array":     {List, people[:2], `{"title":"for #F102","a":["#F001"]}`, `{"title":"for A,B","a":["a","b\"<"]}`},
		"JSON in JSON":         {List, people[:2], `{"t":"[{\"LoginName\":\"#F001\"}]"}`, `{"t":"[{\"LoginName\":\"a\"},{\"LoginName\":\"b\\\"<\"}]"}`},
		"JSON in XML":          {List, people[:2], `<t>[{"LoginName":"#F001"}]</t>`, `<t>[{"LoginName":"a"},{"LoginName":"b\"&lt;"}]</t>`},
		"XML leaf":             {List, people[:2], `<a> <to>#F001</to> <s>x</s></a>`, `<a> <to>a</to><to>b"&lt;</to> <s>x</s></a>`},
		"XML attributes":       {List, people[:2], `<a><to id="#F001" name='#F102'/></a>`, `<a><to id="a" name='A'/><to id="b&quot;&lt;" name='B'/></a>`},
		"XML record":           {List, people[:2], `<a><l><to><id>#F001</id><n><x>#F102</x></n></to></l></a>`, `<a><l><to><id>a</id><n><x>A</x></n></to><to><id>b"&lt;</id><n><x>B</x></n></to></l></a>`},
		"XML, the same twice":  {List, people[:2], `<a><to>#F001</to><cc>#F001</cc></a>`, `<a><to>a</to><to>b"&lt;</to><cc>a</cc><cc>b"&lt;</cc></a>`},
		"SOAP operations":      {List, people[:2], `<e><Body><a><x>#F001</x></a><b><y>#F102</y></b></Body></e>`, `<e><Body><a><x>a</x><x>b"&lt;</x></a><b><y>A</y><y>B</y></b></Body></e>`},
		"XML, JSON object":     {List, people[:2], `<a><to>{"id":"#F001"}</to></a>`, `<a><to>{"id":"a"}</to><to>{"id":"b\"&lt;"}</to></a>`},
		"XML in a JSON array":  {List, people[:2], `["<r>#F001</r>"]`, `["<r>a</r>","<r>b\"&lt;</r>"]`},
		"XML root":             {List, people[:2], `<to>#F101</to>`, `<to>1,2</to>`},
		"joined":               {Joined, people, `{"to":["#F001"],"n":#F101,"u":"https://x/?to=#F001"}`, `{"to":["a,b\"<,c"],"n":"1,2,3","u":"https://x/?to=a%2Cb%22%3C%2Cc"}`},
		"joined, none":         {Joined, nil, `{"to":"#F102"}`, `{"to":""}`},
		"each takes the first": {Each, people, `{"a":[{"to":"#F001"}]}`, `{"a":[{"to":"a"}]}`},
		"each by default":      {"", people, `{"a":[{"to":"#F001"}]}`, `{"a":[{"to":"a"}]}`},
		"no placeholder":       {List, people, `{"a":[{"to":"x"}]}`, `{"a":[{"to":"x"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t, Body)
			o.Receivers = tt.mode
			s := testScope(t)
			s.Receivers = tt.people
			got, err := mustCompile(t, tt.src, o).Append(nil, s, Wire)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReceiversMistakes(t *testing.T) {
	t.Parallel()
	o := testOptions(t, Body)
	o.Receivers = List
	tmpl := mustCompile(t, `{"a":[1,{"to":"#F001"}]}`, o)
	s := testScope(t)
	s.Receivers = append(s.Receivers, Person{ID: "9"})
	if _, err := tmpl.Append(nil, s, Wire); err == nil {
		t.Error("a receiver without an account is accepted")
	}
	s.Receivers = nil
	if got, err := tmpl.Append(nil, s, Wire); err == nil {
		t.Errorf("a list for nobody is %s", got)
	}
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	tmpl := mustCompile(t, `{"a":"#F055","b":"#F204","c":#F201,"d":"#F009","e":#F202,"f":"#F102"}`, testOptions(t, Body))
	s := testScope(t)
	s.Receivers = s.Receivers[:1]
	s.Frozen = map[string]string{"F055": `o"ld`, "F201": "7", "F009": "then", "F102": "kept"}
	got, err := tmpl.Append(nil, s, Wire)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"a":"o\"ld","b":"o\"l","c":"7","d":"then","e":1730770198000,"f":"kept"}`, string(got)); diff != "" {
		t.Error(diff)
	}
}
