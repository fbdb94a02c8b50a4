package draft

import (
	"strings"
	"testing"
)

// TestSamples drafts from requests of OAs that no rule was made for. Of all fields at least eight of ten are right in each; what is wrong is
// logged.
func TestSamples(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		src   string
		want  map[string]string
		keeps []string
		holds []string
	}{
		"English, nested": {
			src: `{"workItem":{"workItemId":"WI-10027","name":"Approve purchase order","description":"Total 5,000 EUR","createdAt":"2024-11-05T09:30:00+08:00","dueDate":"2024-11-08",
				"assignee":{"userId":"jdoe","displayName":"John Doe"},"requester":{"userId":"mmiller","displayName":"Mary Miller"},"links":{"web":"https://crm.example.com/x","mobile":"https://crm.example.com/m/x"},
				"priority":3,"status":"OPEN"},"sourceSystem":"CRM"}`,
			want: map[string]string{
				"workItem.workItemId": "#F123_#F001", "workItem.name": "#F055", "workItem.description": "#F108", "workItem.createdAt": "#F201", "workItem.dueDate": "#F107",
				"workItem.assignee.userId": "#F001", "workItem.assignee.displayName": "#F102", "workItem.requester.userId": "#F049", "workItem.requester.displayName": "#F054",
				"workItem.links.web": "#F117", "workItem.links.mobile": "#F118",
			},
			keeps: []string{"workItem.priority", "workItem.status", "sourceSystem"},
		},
		"pinyin, run together": {
			src: `{"daibanid":"8a9d0001","biaoti":"采购申请待审批","neirong":"请尽快处理","jieshourenzhanghao":"zhangsan","jieshourenxingming":"张三","faqirenzhanghao":"lisi","faqirenxingming":"李四",
				"faqishijian":"2024-11-05 09:30:00","jiezhishijian":"2024-11-08 18:00:00","liuchengmingcheng":"采购流程","jiedianmingcheng":"部门经理","dianNaoDiZhi":"http://crm.example.com/1","shoujidizhi":"http://crm.example.com/m/1","zhuangtai":"0"}`,
			want: map[string]string{
				"daibanid": "#F123_#F001", "biaoti": "#F055", "neirong": "#F108", "jieshourenzhanghao": "#F001", "jieshourenxingming": "#F102", "faqirenzhanghao": "#F049", "faqirenxingming": "#F054",
				"faqishijian": "#F009", "jiezhishijian": "#F107", "liuchengmingcheng": "#F111", "jiedianmingcheng": "#F112", "dianNaoDiZhi": "#F117", "shoujidizhi": "#F118",
			},
			keeps: []string{"zhuangtai"},
		},
		"Chinese names in a form": {
			src: `待办标识=9001&待办标题=合同评审&接收人工号=E0102&接收人姓名=王五&申请人工号=E0001&申请人姓名=赵六&申请时间=20241105093000&待办链接=https%3A%2F%2Fcrm.example.com%2F1&单据编号=HT-2024-01&来源系统=CRM&签名=a1b2c3d4e5f6a7b8`,
			want: map[string]string{
				"待办标识": "#F123_#F001", "待办标题": "#F055", "接收人工号": "#F001", "接收人姓名": "#F102", "申请人工号": "#F049", "申请人姓名": "#F054", "申请时间": "#F009", "待办链接": "#F117", "单据编号": "#F053",
				"签名": "${secret:oa-secret}",
			},
			keeps: []string{"来源系统"},
			holds: []string{"timeFormat: yyyyMMddHHmmss"},
		},
		"notes beside cryptic names": {
			src: `{
				"f1": "T001",       // 待办唯一ID
				"f2": "报销审批",    // 标题
				"f3": "zhangsan",   // 接收人登录名
				"f4": "李四",        // 发起人姓名
				"f5": "2024-11-05 09:30", /* 创建时间 */
				"f6": "https://crm.example.com/1", // PC端链接
				"f7": "https://crm.example.com/2", // 移动端链接
				"f8": "1",          // 待办类型：1 审批 2 阅办
			}`,
			want:  map[string]string{"f1": "#F123_#F001", "f2": "#F055", "f3": "#F001", "f4": "#F054", "f5": "#F009", "f6": "#F117", "f7": "#F118"},
			keeps: []string{"f8"},
			holds: []string{"timeFormat: 'yyyy-MM-dd HH:mm'"},
		},
		"XML, one attribute, CDATA": {
			src: `<?xml version="1.0" encoding="UTF-8"?>
				<TodoRequest version="1"><Header><SystemCode>CRM</SystemCode><Token>abcdef0123456789</Token></Header>
				<Todo Id="5001"><Subject><![CDATA[请审批: A & B]]></Subject><Sender>李四</Sender><Receiver>zhangsan</Receiver><CreateTime>2024/11/05 09:30:00</CreateTime><Url>http://crm.example.com/a?b=1&amp;c=2</Url><Category>审批</Category></Todo></TodoRequest>`,
			want: map[string]string{
				"Todo.@Id": "#F123_#F001", "Todo.Subject": "#F055", "Todo.Sender": "#F054", "Todo.Receiver": "#F001", "Todo.CreateTime": "#F009", "Todo.Url": "#F117", "Header.Token": "${secret:oa-token}",
			},
			keeps: []string{"Header.SystemCode", "Todo.Category"},
			holds: []string{`<Todo Id="#F123_#F001">`, "<![CDATA[#F055]]>"},
		},
		"several receivers in a list": {
			src: `{"msgId":"m-1","subject":"hello","toUsers":[{"loginName":"a1"},{"loginName":"b2"}],"fromUser":"c3","sendTime":1730770200000,"url":"https://crm.example.com/1"}`,
			want: map[string]string{
				"msgId": "#F123", "subject": "#F055", "toUsers.loginName": "#F001", "fromUser": "#F049", "sendTime": "#F201", "url": "#F117",
			},
			holds: []string{"receivers: list", `"toUsers": [{"loginName": "#F001"}]`, `"sendTime": #F201`},
		},
		"JSON in a form, path and query with values": {
			src: `curl -X PUT "https://oa.example.com/api/v2/tasks/67298f0c9b3c1a0001a2b3c4?access_token=tok-9911-2233&userId=zhangsan" --data-urlencode 'payload={"title":"x","approver":"zhangsan"}'`,
			want: map[string]string{
				"tasks.id": "#F123_#F001", "access_token": "${secret:oa-access-token}", "userId": "#F001", "payload.title": "#F055", "payload.approver": "#F001",
			},
			holds: []string{"address: ${base}/api/v2/tasks/#F123_#F001?access_token=${secret:oa-access-token}&userId=#F001", "method: PUT"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := From([]Source{{Name: "sample", Text: []byte(tt.src)}}, Options{Tenant: "714439"})
			if err != nil {
				t.Fatalf("draft: %v", err)
			}
			valid(t, d)
			share(t, d, tt.want, tt.keeps, 0.8)
			for _, s := range tt.holds {
				if !strings.Contains(d.File, s) {
					t.Errorf("the file lacks %q\n%s", s, d.File)
				}
			}
			for _, g := range d.Guesses {
				if g.Reason == "" {
					t.Errorf("%s has no reason", g.Field)
				}
			}
		})
	}
}
