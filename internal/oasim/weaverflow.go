package oasim

import (
	"fmt"
	"strconv"
	"time"
)

// handle is the OA's own logic. An error is what the real one throws: a fault, or status 500.
func (v *weaver) handle(c *Call, verb weaverVerb, f fields) (weaverResult, error) {
	refuse := func(dataType, message string) (weaverResult, error) {
		c.Effect = EffectRefused
		return weaverResult{f.text("syscode"), dataType, "Check", "0", message}, nil
	}
	// The order of the checks is that of the vendor's list of messages: the system, the flow type, the flow, its people.
	if sys := f.text("syscode"); !v.sim.registered(sys) {
		return refuse("OtherSys", "异构系统标识【"+sys+"】未注册")
	}
	if f.blank("flowid") {
		return refuse("WfData", "流程数据标识未填写") // wording not documented
	}
	if verb == weaverDeleteUser || verb == weaverDeleteAll {
		return v.remove(c, verb, f)
	}
	title := f.text("requestname")
	switch {
	case f.blank("workflowname"):
		return refuse("WfType", "流程类型未填写")
	case f.blank("requestname"):
		return refuse("WfData", "流程标题未填写")
	case f.blank("nodename") && verb != weaverOver:
		return refuse("WfData", "流程节点未填写") // wording not documented
	case f.blank("receiver") || !v.sim.knows(f.text("receiver")):
		return refuse("WfData", "流程数据【"+title+"】检测接收人不存在")
	}
	if verb == weaverDone || verb == weaverOver {
		return v.finish(c, verb, f)
	}
	if f.blank("creator") || !v.sim.knows(f.text("creator")) {
		return refuse("WfData", "流程数据【"+title+"】检测创建人不存在")
	}
	if _, ok := f["pcurl"]; !ok {
		return refuse("WfData", "流程链接未填写") // wording not documented; empty is the syscode's prefix alone
	}
	return v.receive(c, verb, f)
}

// receive makes or changes an entry. ReceiveRequestInfo takes any state at any time, so that it also re-opens what was done;
// the older operations know one state each and refuse what is there already. An update that is older than what the OA has
// is answered with success and dropped: only receivets can tell.
func (v *weaver) receive(c *Call, verb weaverVerb, f fields) (weaverResult, error) {
	for _, n := range []string{"createdatetime", "receivedatetime"} {
		if s := f.text(n); !isTime(s, time.DateTime) { // it cuts the text at fixed places
			return weaverResult{}, fmt.Errorf("String index out of range: %d (%s)", len(s), n)
		}
	}
	stamp, err := weaverStamp(f)
	if err != nil {
		return weaverResult{}, err
	}
	title := f.text("requestname")
	ok := weaverResult{Syscode: f.text("syscode"), DataType: "WfData", OperResult: "1"}
	bad := weaverResult{ok.Syscode, "WfData", "Check", "0", ""}
	state, word := StateTodo, "待办"
	switch verb {
	case weaverCC:
		state, word = StateCC, "待阅"
	case weaverReceive:
		switch f.text("isremark") {
		case "0":
		case "2":
			state, word = StateDone, "已办"
		case "4":
			state, word = StateOver, "办结"
		case "8":
			state, word = StateCC, "待阅"
		default:
			c.Effect, bad.Message = EffectRefused, "流程数据【"+title+"】流程处理状态不正确" // wording not documented
			return bad, nil
		}
		if view := f.text("viewtype"); view != "0" && view != "1" {
			c.Effect, bad.Message = EffectRefused, "流程数据【"+title+"】流程查看状态不正确" // wording not documented
			return bad, nil
		}
	}
	old := v.sim.inbox.find(ok.Syscode, f.text("flowid"), f.text("receiver"))
	if old != nil && old.State != StateDeleted && verb != weaverReceive {
		c.Effect, bad.Message = EffectRefused, "流程数据【"+title+"】已存在"
		return bad, nil
	}
	ok.OperType, ok.Message = "AutoNew", "流程数据【"+title+"】自动新增"+word+"成功"
	if old != nil && old.State != StateDeleted {
		ok.OperType, ok.Message = "AutoEdit", "流程数据【"+title+"】自动更新"+word+"成功"
		if stamp != 0 && stamp < old.Stamp {
			c.Effect = EffectDropped
			return ok, nil
		}
	}
	t := &Todo{
		App: ok.Syscode, ID: f.text("flowid"), Account: f.text("receiver"), Message: state == StateCC, State: state, Title: title,
		Sender: f.text("creator"), URL: f.text("pcurl"), MobileURL: f.text("appurl"), Created: f.text("createdatetime"),
		Workflow: f.text("workflowname"), Node: f.text("nodename"), Fields: f.flat(), Stamp: stamp,
	}
	c.Effect = v.sim.inbox.put(t, v.sim.config.Now())
	if c.Effect == EffectEdited && (state == StateDone || state == StateOver) {
		c.Effect = EffectDone
	}
	return ok, nil
}

// finish ends an entry that it finds by title, flow type and node too (the node not for over): a done must resend what the
// create said.
func (v *weaver) finish(c *Call, verb weaverVerb, f fields) (weaverResult, error) {
	title := f.text("requestname")
	bad := weaverResult{f.text("syscode"), "WfData", "Check", "0", "流程数据【" + title + "】不存在"}
	old := v.sim.inbox.find(f.text("syscode"), f.text("flowid"), f.text("receiver"))
	if old == nil || old.State == StateDeleted || old.Title != title || old.Workflow != f.text("workflowname") ||
		verb == weaverDone && old.Node != f.text("nodename") {
		c.Effect = EffectRefused
		return bad, nil
	}
	stamp, err := weaverStamp(f)
	if err != nil {
		return weaverResult{}, err
	}
	ok := weaverResult{f.text("syscode"), "WfData", "AutoEdit", "1", "流程数据【" + title + "】自动更新已办成功"}
	if verb == weaverOver {
		ok.Message = "流程数据【" + title + "】自动更新办结成功"
	}
	if stamp != 0 && stamp < old.Stamp {
		c.Effect = EffectDropped
		return ok, nil
	}
	now := v.sim.config.Now()
	old.Stamp = max(stamp, old.Stamp) // one without a stamp leaves it as it was
	if verb == weaverDone {
		c.Effect = v.sim.inbox.end(old, StateDone, now)
		return ok, nil
	}
	c.Effect = v.sim.inbox.end(old, StateOver, now)
	// With one the whole flow is over, for those who had done their part; who has not keeps his todo.
	for _, t := range v.sim.inbox.of(old.App, old.ID) {
		if t.State == StateDone {
			v.sim.inbox.end(t, StateOver, now)
		}
	}
	return ok, nil
}

// remove takes an entry out of one inbox, or of all.
func (v *weaver) remove(c *Call, verb weaverVerb, f fields) (weaverResult, error) {
	sys, id := f.text("syscode"), f.text("flowid")
	if verb == weaverDeleteUser && f.blank("userid") {
		c.Effect = EffectRefused
		return weaverResult{sys, "WfData", "Check", "0", "流程数据【" + id + "】检测接收人不存在"}, nil
	}
	gone := 0
	for _, t := range v.sim.inbox.of(sys, id) {
		if t.State != StateDeleted && (verb == weaverDeleteAll || t.Account == f.text("userid")) {
			c.Effect = v.sim.inbox.end(t, StateDeleted, v.sim.config.Now())
			gone++
		}
	}
	if gone == 0 {
		c.Effect = EffectRefused
		return weaverResult{sys, "WfData", "Del", "0", "流程数据【" + id + "】不存在"}, nil
	}
	return weaverResult{sys, "WfData", "Del", "1", "流程数据【" + id + "】删除成功"}, nil
}

// weaverStamp reads receivets. Older releases do not know it: where it is missing, nothing is too old.
func weaverStamp(f fields) (int64, error) {
	if f.blank("receivets") {
		return 0, nil
	}
	n, err := strconv.ParseInt(f.text("receivets"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("For input string: %q (receivets)", f.text("receivets"))
	}
	return n, nil
}
