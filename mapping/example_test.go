package mapping_test

import (
	"fmt"

	"todosync/mapping"
)

func ExampleCompile() {
	body, err := mapping.Compile(`<in0>{"flowid":"#F012_#F001","requestname":"#F055"}</in0>`, mapping.Options{Place: mapping.Body})
	if err != nil {
		fmt.Println(err)
		return
	}
	event, err := mapping.ParseDoc([]byte(`{"todo":{"id":"6729","title":"\"A\" <b> & c"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := body.Append(nil, &mapping.Scope{
		Event: event, Object: "todo", Receivers: []mapping.Person{{Account: "zhangsan"}},
	}, mapping.Wire)
	fmt.Println(string(out), err)
	// Output: <in0>{"flowid":"6729_zhangsan","requestname":"\"A\" &lt;b&gt; &amp; c"}</in0> <nil>
}

func ExampleResult_Read() {
	result, err := mapping.CompileResult(mapping.ResultRules{
		CodeName: "operResult", MsgName: "message", Success: []string{"1"}, WebService: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	a := result.Read("text/xml", []byte(`<r><ns1:out xmlns:ns1="x">{"operResult":"0","message":"not registered"}</ns1:out></r>`))
	fmt.Println(a.Understood, a.Success, a.Code, a.Message)
	// Output: true false 0 not registered
}
