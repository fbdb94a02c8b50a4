package draft

import (
	"strings"
	"unicode"
)

// A tag is one thing that a word in a field's name says of the field. Tags are added up over the words of a name.
type tag uint64

const (
	recipient tag = 1 << iota // who is to act
	sender                    // who began it
	person                    // somebody, the name does not say who
	account                   // by which an OA knows a person
	named                     // a name of a person or thing
	ident                     // an id, code or number
	moment                    // a time
	due                       // of an end
	made                      // of a beginning
	ended                     // of a completion
	clock                     // the time of the call
	link                      // an address to open
	mobile                    // of a phone
	desktop                   // of a PC
	headline                  // a title
	item                      // of an item within
	detail                    // longer text
	status                    // a state, as the OA numbers them
	kind                      // a type or class
	flag                      // a switch, level or sort order
	task                      // the todo
	flow                      // a workflow
	node                      // a step of one
	instance                  // a running one
	record                    // the CRM's record
	object                    // the kind of record
	tenant                    // the company
	system                    // the system that sends
	secret                    // must not be seen
	unique                    // random, new each call
	image                     // a picture
	contact                   // phone or mail
	unit                      // department or post
	callback                  // where the OA calls back
	foreign                   // of the other system
	group                     // tenant-like id of the OA
)

// vocabulary holds what words of English and of pinyin say. Words of two letters and more may also be found within a name that
// is written as one.
var vocabulary = map[string]tag{
	"receiver": recipient, "receivers": recipient, "recipient": recipient, "recipients": recipient, "recv": recipient, "rcv": recipient,
	"receive": recipient, "to": recipient, "target": recipient, "targets": recipient, "assignee": recipient, "assignees": recipient, "assign": recipient, "assigned": recipient,
	"executor": recipient, "executors": recipient, "handler": recipient, "handlers": recipient, "approver": recipient, "approvers": recipient,
	"auditor": recipient, "reviewer": recipient, "owner": recipient, "owners": recipient, "participant": recipient, "transactor": recipient, "operator": recipient,
	"jieshouren": recipient, "jieshouzhe": recipient, "jieshou": recipient, "shoujianren": recipient, "chuliren": recipient, "banliren": recipient,
	"shenpiren": recipient, "shenheren": recipient, "daibanren": recipient, "zhixingren": recipient, "fuzeren": recipient,

	"sender": sender, "send": sender, "from": sender, "creator": sender, "author": sender, "applicant": sender, "applier": sender, "apply": sender, "initiator": sender,
	"submitter": sender, "submitor": sender, "submit": sender, "originator": sender, "origin": sender, "requester": sender, "requestor": sender, "promoter": sender,
	"starter": sender, "proposer": sender, "drafter": sender, "commit": sender, "committer": sender, "publisher": sender, "poster": sender,
	"faqiren": sender, "shenqingren": sender, "tijiaoren": sender, "chuangjianren": sender, "fasongren": sender, "nigaoren": sender, "faqi": sender, "shenqing": sender,

	"user": person, "users": person, "person": person, "persons": person, "staff": person, "employee": person, "employees": person, "emp": person, "member": person, "people": person,
	"psn": person, "usr": person, "yonghu": person, "renyuan": person, "yuangong": person, "ren": person,
	"account": account, "login": account, "openid": account, "openids": account, "unionid": account, "userid": account | person, "username": person | named, "loginname": account,
	"loginid": account, "acct": account, "workcode": account, "jobno": account, "jobnumber": account, "uid": account, "sid": ident, "domain": account,
	"zhanghao": account, "gonghao": account, "dengluming": account,

	"name": named, "names": named, "realname": named, "fullname": named, "nickname": named, "cn": named, "en": named, "label": named, "display": named, "text": detail,
	"xingming": named, "mingcheng": named, "mingzi": named,

	"id": ident, "ids": ident, "no": ident, "num": ident, "number": ident, "code": ident, "key": ident, "uuid": ident, "guid": ident, "pk": ident, "serial": ident, "sn": ident, "oid": ident,
	"bianhao": ident, "bianma": ident, "biaoshi": ident, "haoma": ident,

	"time": moment, "date": moment, "datetime": moment, "at": moment, "day": moment, "shijian": moment, "riqi": moment,
	"due": due, "deadline": due | moment, "expire": due, "expires": due, "expired": due, "expiration": due, "limit": due, "overdue": due, "plan": due, "planned": due,
	"end": due, "finishby": due | moment, "jiezhi": due, "daoqi": due, "qixian": due | moment,
	"create": made, "created": made, "creation": made, "start": made, "begin": made, "arrive": made, "arrival": made, "chuangjian": made, "kaishi": made, "daoda": made,
	"finish": ended, "finished": ended, "complete": ended, "completed": ended, "done": ended, "handle": ended, "handled": ended, "deal": ended, "processed": ended, "wancheng": ended, "chuli": ended,
	"timestamp": clock | moment, "ts": clock | moment, "stamp": clock | moment, "now": clock | moment, "millis": clock | moment, "update": clock, "updated": clock, "modify": clock, "modified": clock, "push": clock, "sendtime": clock | moment, "shijianchuo": clock | moment,

	"url": link, "urls": link, "link": link, "links": link, "href": link, "uri": link, "address": link, "addr": link, "jump": link, "redirect": link, "lianjie": link, "dizhi": link, "wangzhi": link,
	"mobile": mobile, "app": mobile | system, "h5": mobile, "wap": mobile, "phone": mobile | contact, "mob": mobile, "pad": mobile, "ios": mobile, "android": mobile, "yidong": mobile, "shouji": mobile | contact,
	"pc": desktop, "web": desktop, "desktop": desktop, "diannao": desktop,

	"title": headline, "subject": headline, "topic": headline, "headline": headline, "caption": headline, "biaoti": headline, "zhuti": headline,
	"item": item, "items": item, "sub": item, "subtitle": headline | item, "shixiang": item,
	"content": detail, "contents": detail, "body": detail, "desc": detail, "description": detail, "summary": detail, "detail": detail, "details": detail, "remark": detail, "remarks": detail, "memo": detail,
	"comment": detail, "note": detail, "abstract": detail, "digest": detail, "neirong": detail, "zhaiyao": detail, "beizhu": detail, "shuoming": detail, "miaoshu": detail, "xiangqing": detail,

	"status": status, "state": status, "result": status, "opt": status, "action": status, "zhuangtai": status,
	"type": kind, "category": kind, "class": kind, "classify": kind, "kind": kind, "genre": kind, "tag": kind, "style": kind, "mode": kind, "method": kind, "template": kind, "leixing": kind, "fenlei": kind,
	"is": flag, "has": flag, "need": flag, "allow": flag, "enable": flag, "enabled": flag, "only": flag, "show": flag, "sync": flag, "level": flag, "priority": flag, "urgent": flag, "urgency": flag, "sort": flag,
	"order": flag, "count": flag, "total": flag, "size": flag, "version": flag, "lang": flag, "language": flag, "locale": flag, "viewtype": flag, "view": flag, "jinji": flag, "youxianji": flag,

	"todo": task, "todos": task, "task": task, "tasks": task, "pending": task, "work": task, "workitem": task, "worklist": task, "matter": task, "message": task, "msg": task, "notify": task, "notification": task, "notice": task,
	"source": foreign, "third": foreign, "party": foreign, "outer": foreign, "external": foreign, "ext": foreign, "out": foreign, "other": foreign, "remote": foreign,
	"daiban": task, "renwu": task, "xiaoxi": task, "shiwu": task,
	"flow": flow, "workflow": flow, "process": flow, "proc": flow, "wf": flow, "procedure": flow, "request": flow, "approval": flow, "liucheng": flow, "shenpi": flow,
	"node": node, "step": node, "activity": node, "stage": node, "act": node, "jiedian": node, "huanjie": node, "buzhou": node,
	"instance": instance, "inst": instance, "shili": instance,
	"record": record, "bill": record, "doc": record, "document": record, "form": record, "data": record, "biz": record, "business": record, "bus": record, "contract": record, "entity": record, "sheet": record, "voucher": record,
	"danju": record, "dingdan": record, "biaodan": record, "yewu": record, "jilu": record, "danhao": record | ident,
	"object": object, "obj": object, "model": object, "module": object, "apiname": object | ident, "api": object, "table": object, "duixiang": object, "mokuai": object,

	"tenant": tenant, "ei": tenant, "enterprise": group, "corp": group, "corpid": group, "company": group, "eid": group, "org": group, "organization": group, "zuhu": tenant, "qiye": group,
	"system": system, "sys": system, "syscode": system, "appid": system, "appname": system, "appcode": system, "register": system, "client": system, "channel": system, "platform": system, "product": system, "service": system, "xitong": system, "laiyuan": system, "yingyong": system,
	"password": secret, "passwd": secret, "pwd": secret, "pass": secret, "secret": secret, "token": secret, "accesstoken": secret, "accesskey": secret, "apikey": secret, "appkey": secret, "appsecret": secret,
	"sign": secret, "signature": secret, "authorization": secret, "ticket": secret, "credential": secret, "mima": secret, "miyao": secret, "qianming": secret, "lingpai": secret,
	"nonce": unique, "trace": unique, "random": unique, "rand": unique, "noncestr": unique, "traceid": unique,
	"icon": image, "image": image, "img": image, "avatar": image, "head": image, "logo": image, "pic": image, "photo": image, "picture": image, "tupian": image, "touxiang": image, "tubiao": image,
	"tel": contact, "telephone": contact, "email": contact, "mail": contact, "cellphone": contact, "mobilephone": contact, "dianhua": contact, "youxiang": contact,
	"dept": unit, "department": unit, "post": unit, "role": unit, "position": unit, "bumen": unit, "gangwei": unit,
	"callback": callback, "webhook": callback, "hook": callback,
	"binding": 0, "none": 0, "param": 0, "params": 0, "info": 0, "list": 0, "value": 0, "of": 0, "the": 0, "by": 0, "my": 0, "fd": 0, "str": 0, "arg": 0, "in": 0, "req": 0, "cur": 0, "current": 0, "dangqian": 0, "new": 0, "oa": 0, "crm": system, "main": 0,
}

// initials are what the first letters of Chinese words stand for. They count only where they are a whole word.
var initials = map[string]tag{
	"bt": headline, "zt": headline, "nr": detail, "zy": detail, "jsr": recipient, "clr": recipient, "blr": recipient, "spr": recipient, "shr": recipient,
	"fqr": sender, "sqr": sender, "tjr": sender, "cjr": sender, "fsr": sender, "ngr": sender, "zh": account, "gh": account, "xm": named, "mc": named, "bh": ident, "lx": kind,
	"sj": moment, "rq": moment, "cjsj": made | moment, "fqsj": made | moment, "sqsj": made | moment, "tjsj": made | moment, "jssj": made | moment, "kssj": made | moment, "jzsj": due | moment, "dqsj": due | moment,
	"lj": link, "lc": flow, "lcmc": flow | named, "lcbh": flow | ident, "lcid": flow | ident, "jd": node, "jdmc": node | named, "djh": record | ident, "djbh": record | ident, "ywid": record | ident,
	"jsrid": recipient | account, "jsrxm": recipient | named, "fqrid": sender | account, "fqrxm": sender | named, "sqrid": sender | account, "sqrxm": sender | named, "fsrid": sender | account, "fsrxm": sender | named,
	"tjrid": sender | account, "tjrxm": sender | named, "cjrid": sender | account, "cjrxm": sender | named, "clrid": recipient | account, "clrxm": recipient | named, "sprid": recipient | account, "sprxm": recipient | named,
	"dbid": task | ident, "rwid": task | ident, "dbbt": headline,
}

// chinese holds what parts of Chinese names say; of those that begin at one place the longest counts.
var chinese = map[string]tag{
	"接收人": recipient, "接收者": recipient, "接收": recipient, "收件人": recipient, "处理人": recipient, "办理人": recipient, "审批人": recipient, "审核人": recipient, "待办人": recipient, "执行人": recipient, "负责人": recipient, "责任人": recipient, "目标": recipient, "被通知人": recipient, "当前处理人": recipient,
	"发起人": sender, "申请人": sender, "提交人": sender, "创建人": sender, "创建者": sender, "发送人": sender, "发送者": sender, "拟稿人": sender, "起草人": sender, "制单人": sender, "发起": sender, "申请": sender,
	"用户": person, "人员": person, "员工": person, "职员": person, "账号": account, "帐号": account, "账户": account, "工号": account, "登录名": account, "登陆名": account, "登录": account, "姓名": named, "名称": named, "名字": named, "名": named,
	"ID": ident, "id": ident, "编号": ident, "编码": ident, "标识": ident, "主键": ident, "唯一": ident, "单号": record | ident, "流水号": ident, "号": ident,
	"时间": moment, "日期": moment, "截止": due, "截至": due, "到期": due, "期限": due | moment, "限期": due, "结束": due, "创建": made, "生成": made, "开始": made, "到达": made, "发起时间": made | moment, "申请时间": made | moment, "提交时间": made | moment, "发送时间": made | moment, "接收时间": made | moment,
	"完成": ended, "办结": ended, "处理时间": ended | moment, "时间戳": clock | moment, "更新": clock, "当前时间": clock | moment,
	"链接": link, "地址": link, "网址": link, "跳转": link, "移动": mobile, "手机": mobile | contact, "手机端": mobile, "移动端": mobile, "电脑": desktop, "PC": desktop, "pc": desktop, "H5": mobile, "h5": mobile,
	"标题": headline, "主题": headline, "题目": headline, "事项": item, "内容": detail, "正文": detail, "摘要": detail, "备注": detail, "说明": detail, "描述": detail, "详情": detail,
	"状态": status, "结果": status, "类型": kind, "类别": kind, "分类": kind, "紧急": flag, "优先级": flag, "是否": flag, "排序": flag, "级别": flag, "程度": flag,
	"待办": task, "任务": task, "消息": task, "待阅": task, "流程": flow, "审批": flow, "节点": node, "环节": node, "步骤": node, "实例": instance,
	"单据": record, "订单": record, "业务": record, "数据": record, "记录": record, "表单": record, "合同": record, "对象": object, "模块": object, "模型": object,
	"租户": tenant, "企业": group, "公司": group, "系统": system, "来源": system, "应用": system, "注册": system, "异构": system, "第三方": foreign, "外部": foreign,
	"密码": secret, "密钥": secret, "令牌": secret, "签名": secret, "口令": secret, "随机": unique, "图标": image, "图片": image, "头像": image, "电话": contact, "邮箱": contact, "邮件": contact, "部门": unit, "岗位": unit, "回调": callback,
}

// meaning adds up what the words of a name say.
func meaning(name string) tag {
	var sum tag
	for _, w := range words(name) {
		sum |= sense(w)
	}
	return sum
}

// sense is what one word says.
func sense(word string) tag {
	if word == "" {
		return 0
	}
	if word[0] >= 0x80 {
		return chineseSense(word)
	}
	if t, ok := vocabulary[word]; ok {
		return t
	}
	if t, ok := initials[word]; ok {
		return t
	}
	short := strings.TrimRight(word, "0123456789")
	if t, ok := vocabulary[short]; ok {
		return t
	}
	if t, ok := vocabulary[strings.TrimSuffix(short, "s")]; ok {
		return t
	}
	var sum tag
	for _, w := range pieces(short) {
		sum |= vocabulary[w]
	}
	return sum
}

// pieces cuts a word that is several written as one into the fewest that are known; none where it is not made of such alone.
func pieces(word string) []string {
	const most = 40
	if len(word) > most {
		return nil
	}
	best := make([][]string, len(word)+1)
	best[0] = []string{}
	for end := 2; end <= len(word); end++ {
		for begin := range end - 1 {
			if best[begin] == nil || best[end] != nil && len(best[begin])+1 >= len(best[end]) {
				continue
			}
			if _, known := vocabulary[word[begin:end]]; known {
				best[end] = append(append([]string{}, best[begin]...), word[begin:end])
			}
		}
	}
	return best[len(word)]
}

func chineseSense(word string) tag {
	const longest = 6
	runes := []rune(word)
	var sum tag
	for i := 0; i < len(runes); {
		n := 1
		for size := min(longest, len(runes)-i); size > 0; size-- {
			if t, ok := chinese[string(runes[i:i+size])]; ok {
				sum |= t
				n = size
				break
			}
		}
		i += n
	}
	return sum
}

// words cuts a name where its writing changes: at signs, at a capital after a small letter, before the last capital of several, and
// between Chinese and Latin. Latin words come in small letters.
func words(name string) []string {
	var out []string
	runes := []rune(name)
	begin := -1
	flush := func(end int) {
		if begin >= 0 && begin < end {
			out = append(out, strings.ToLower(string(runes[begin:end])))
		}
		begin = -1
	}
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush(i)
			continue
		}
		if begin >= 0 {
			before := runes[i-1]
			switch {
			case before < 0x80 != (r < 0x80),
				unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsDigit(before)),
				unicode.IsUpper(r) && unicode.IsUpper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1]) && !plural(runes, i):
				flush(i)
			}
		}
		if begin < 0 {
			begin = i
		}
	}
	flush(len(runes))
	return out
}

// plural reports whether a capital at i is followed by the small s of a plural alone, as in userIDs.
func plural(runes []rune, i int) bool {
	return runes[i+1] == 's' && (i+2 == len(runes) || !unicode.IsLower(runes[i+2]))
}
