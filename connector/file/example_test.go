package file_test

import (
	"fmt"

	"todosync/connector/file"
)

func ExampleParse() {
	const src = `
apiVersion: todosync/v1
kind: Connection
tenant: "714439"
name: oa
timezone: Asia/Shanghai
scenes:
  create:
    address: http://oa.example.com/todo
    body: |
      {"id": "#F012",
       "title": #F955}
`
	_, problems := file.Parse("oa.yaml", []byte(src), file.Options{})
	fmt.Println(problems.Err())
	// Output:
	// oa.yaml:6:1: timezone: unknown member "timezone", perhaps "timeZone" is meant
	// oa.yaml:12:17: scenes.create.body: #F955: no such field; do you mean #F055?
}
