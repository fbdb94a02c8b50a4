package oasim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"todosync/internal/oasim"
)

// A test that needs an OA which fails once, and then shows what arrived.
func Example() {
	sim, err := oasim.New(oasim.Weaver, oasim.Config{Users: []string{"zhangsan", "lisi"}, Apps: []string{"crm"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	oa := httptest.NewServer(sim)
	defer oa.Close()
	defer sim.Close()

	sim.Reply(oasim.Status(503))
	for range 2 {
		todo := `{"syscode":"crm","flowid":"1_zhangsan","requestname":"报价单审批","workflowname":"CRM","nodename":"审批","pcurl":"",
			"isremark":"0","viewtype":"0","creator":"lisi","createdatetime":"2024-11-05 09:30:00",
			"receiver":"zhangsan","receivedatetime":"2024-11-05 09:30:00"}`
		answer, err := http.Post(oa.URL+"/rest/ofs/ReceiveRequestInfoByJson", "application/json", strings.NewReader(todo))
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = answer.Body.Close()
	}

	for _, c := range sim.Calls() {
		fmt.Printf("%s %s %d %q\n", c.Op, c.Todo, c.Status, c.Effect)
	}
	for _, t := range sim.Todos("zhangsan") {
		fmt.Println(t.ID, t.State, t.Title)
	}
	// Output:
	// create 1_zhangsan 503 ""
	// create 1_zhangsan 200 "new"
	// 1_zhangsan todo 报价单审批
}
