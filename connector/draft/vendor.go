package draft

import (
	"slices"
	"strings"
)

// A vendor is an OA whose interface is known: what its fields mean goes before what their names seem to say.
type vendor struct {
	name   phrase
	preset string
	marks  []string // any of these in address, namespaces or SOAPAction tells it, in small letters
	keys   []string // or so many of these names that nothing else can be meant
	ownID  bool     // its todos are kept by one id per receiver
	fields map[string]saying
	result result
	note   phrase
}

// keysEnough is how many of a vendor's field names tell it.
const keysEnough = 3

// A saying is what a vendor's manual says of a field. Without a right side the field stays as it is.
type saying struct {
	right    string
	template bool // the right side is more than one placeholder
	secret   bool
	why      phrase
}

// means is a field that stands for a placeholder.
func means(code string) saying {
	l := labelOf(code)
	return saying{right: "#" + code, why: say("the OA's manual: "+l.en, "OA 接口文档："+l.zh)}
}

// stays is a field that is the same for all todos.
func stays(en, zh string) saying { return saying{why: say(en, zh)} }

// perReceiver is an id of which each receiver has his own.
func perReceiver() saying {
	return saying{right: "#F123_#F001", template: true, why: say("the OA's manual: the todo's key, unique per receiver", "OA 接口文档：待办唯一标识，每个接收人一个")}
}

// vendors are the OAs that a sample may be of.
func vendors() []vendor {
	registered := stays("as registered in the OA", "在 OA 中登记的值")
	state := stays("a state as the OA numbers it; it belongs to this scene", "OA 定义的状态值，属于本场景")
	fixed := stays("a setting of the interface", "接口的固定参数")
	return []vendor{
		{
			name: say("Seeyon", "致远"), preset: "seeyon", ownID: true, marks: []string{"/seeyon/"},
			keys: []string{"registerCode", "thirdReceiverId", "thirdSenderId", "noneBindingReceiver", "noneBindingSender", "thirdpartyReceiverId", "h5url"},
			fields: map[string]saying{
				"registerCode": registered, "thirdpartyRegisterCode": registered, "taskId": perReceiver(), "thirdpartyMessageId": perReceiver(),
				"title": means("F055"), "messageContent": means("F055"), "senderName": means("F054"), "thirdSenderId": means("F049"), "thirdpartySenderId": means("F049"),
				"thirdReceiverId": means("F001"), "thirdpartyReceiverId": means("F001"), "noneBindingReceiver": means("F001"), "noneBindingSender": stays("the sender need not be bound: empty", "发送人免绑定：留空"),
				"state": state, "subState": state, "content": stays("the download address of an app, not a text", "App 下载地址，不是正文"), "url": means("F117"), "h5url": means("F118"), "messageURL": means("F117"), "messageH5URL": means("F118"),
				"creationDate": means("F009"), "creation_date": means("F009"), "classify": fixed, "contentType": fixed,
			},
			result: result{code: "success", message: "errorMsgs", success: []string{"true"}},
		},
		{
			name: say("Weaver", "泛微"), preset: "weaver", ownID: true, marks: []string{"/rest/ofs/", "ofstododatawebservice", "webservices.ofs.weaver.com.cn"},
			keys: []string{"syscode", "flowid", "requestname", "workflowname", "nodename", "pcurl", "appurl", "isremark", "viewtype", "receivedatetime", "receivets"},
			fields: map[string]saying{
				"syscode": registered, "flowid": perReceiver(), "requestname": means("F055"), "workflowname": stays("the flow type as registered in the OA; every todo may have its own (#F111) if the OA may add types", "OA 中登记的流程类型；若允许自动新增，可改用 #F111"),
				"nodename": means("F112"), "pcurl": means("F117"), "appurl": means("F118"), "isremark": state, "viewtype": state, "creator": means("F049"), "createdatetime": means("F009"),
				"receiver": means("F001"), "receivedatetime": means("F009"), "receivets": means("F126"), "userid": means("F001"),
			},
			result: result{code: "operResult", message: "message", success: []string{"1"}, element: "out"},
			note:   say("A done must repeat title, flow and node of its create; the preset does so.", "办结须与新增时的标题、流程、节点一致；预设已处理。"),
		},
		{
			name: say("Landray", "蓝凌"), preset: "landray", marks: []string{"sysnotifytodo", "notify.sys.kmss.landray.com"},
			keys: []string{"appName", "modelName", "modelId", "targets", "optType", "mobileLink", "padLink", "docCreator"},
			fields: map[string]saying{
				"appName": registered, "modelName": registered, "modelId": means("F123"), "key": means("F037"), "subject": means("F055"), "link": means("F117"), "mobileLink": means("F118"), "padLink": means("F118"),
				"type": state, "optType": state, "level": fixed, "param1": fixed, "param2": fixed, "createTime": means("F009"), "extendContent": fixed, "others": fixed,
				"targets": means("F001"), "targets.LoginName": means("F001"), "targets.PersonNo": means("F001"), "targets.Id": means("F001"),
				"docCreator": means("F049"), "docCreator.LoginName": means("F049"), "docCreator.PersonNo": means("F049"), "docCreator.Id": means("F049"),
				"user": {secret: true}, "password": {secret: true},
			},
			result: result{code: "returnState", message: "message", success: []string{"2"}, element: "return"},
		},
		{
			name: say("Yunzhijia", "云之家"), preset: "yunzhijia", marks: []string{"yunzhijia.com", "/newtodo/open/"},
			keys: []string{"sourceId", "itemtitle", "headImg", "openId", "sourcetype", "sourceitemid", "openids", "actiontype", "todoType"},
			fields: map[string]saying{
				"appId": registered, "sourcetype": registered, "sourceId": means("F123"), "sourceitemid": means("F123"), "title": means("F055"), "itemtitle": means("F056"), "headImg": stays("a picture, the same for all todos", "图片，所有待办相同"),
				"url": means("F117"), "params.url": means("F117"), "senderId": means("F049"), "params.openId": means("F001"), "openids": means("F001"), "openId": means("F001"), "sync": fixed, "todoType": state, "tagId": fixed,
			},
			result: result{code: "errorCode", message: "error", success: []string{"200"}},
		},
		{
			name: say("WeLink", "WeLink"), preset: "welink", ownID: true, marks: []string{"welink.huaweicloud.com", "/api/todo/v"},
			keys: []string{"taskTitle", "detailsUrl", "detailsUrlPc", "userNameCn", "userNameEn", "applicantUserId", "applicantUserNameCn", "applicantId", "isMsg"},
			fields: map[string]saying{
				"taskId": perReceiver(), "taskTitle": means("F055"), "userId": means("F001"), "userNameCn": means("F124"), "userNameEn": means("F124"), "detailsUrl": means("F118"), "detailsUrlPc": means("F117"), "appName": registered,
				"applicantUserId": means("F049"), "applicantUserNameCn": means("F125"), "applicantUserNameEn": means("F125"), "applicantId": means("F123"), "isMsg": state, "isShowApplicantUserName": fixed, "businessCode": fixed,
			},
			result: result{code: "code", message: "message", success: []string{"0"}},
		},
	}
}

// vendorOf tells whose interface a request is.
func vendorOf(text string, leaves []*leaf) *vendor {
	text = strings.ToLower(text)
	all := vendors()
	for i, v := range all {
		if slices.ContainsFunc(v.marks, func(m string) bool { return strings.Contains(text, m) }) {
			return &all[i]
		}
	}
	for i, v := range all {
		seen := map[string]bool{}
		for _, l := range leaves {
			for _, name := range l.path {
				if slices.Contains(v.keys, name) {
					seen[name] = true
				}
			}
		}
		if len(seen) >= keysEnough {
			return &all[i]
		}
	}
	return nil
}

// fill decides a field by what the vendor's manual says, if that says anything.
func (v *vendor) fill(l *leaf) bool {
	if l.where != inBody && l.where != inQuery {
		return false
	}
	s, ok := v.fields[l.at()]
	if n := len(l.path); !ok && n > 1 {
		if s, ok = v.fields[l.path[n-2]+"."+l.path[n-1]]; !ok {
			s, ok = v.fields[l.name()]
		}
	}
	switch {
	case !ok:
		return false
	case s.secret:
		l.verdict = hidden
	case s.template:
		first, rest, _ := strings.Cut(s.right, "_")
		l.fill(Sure, s.why, hole(first), literal("_"), hole(rest))
	case s.right != "":
		l.fill(Sure, s.why, hole(s.right))
	default:
		l.keep(s.why)
	}
	if l.holds("F009") || l.holds("F126") {
		if l.format = timePattern(l.sample); l.format == "" {
			l.format = patternIn(l)
		}
		if l.format == "" && l.holds("F126") {
			l.format = "epochMillis"
		}
	}
	return true
}
