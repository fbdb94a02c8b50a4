package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/web/api"
)

func (c *cli) doctorCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Args: c.args(0, 0, ""),
		Short: c.t("Check everything that a server needs, and say what to do", "检查服务器所需的一切，并给出处理建议"),
		Long: c.t(`Has the running server check NATS and the stream, the store, the disk, the key, every connection's address, certificate
and token, and the clock. Each OA is asked for a token once, beside all that is being sent; one that has refused it not long ago is not.
Where no server runs, what can be checked of the data folder is. Exit code 1 says that something is wrong.`,
			`让运行中的服务器检查 NATS 与消息流、存储、磁盘、密钥，以及每个连接的地址、证书与令牌，还有时钟。
每个 OA 只会被请求一次令牌，不影响正在进行的推送；不久前拒绝过令牌的 OA 不会再被请求。
服务器未运行时，只检查数据目录中可检查的部分。有问题时退出码为 1。`),
	}
	s := c.serverFlags(cmd)
	tokens := cmd.Flags().Bool("tokens", true, c.t("ask each connection's OA for a token, once", "向每个连接的 OA 请求一次令牌"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		var answer struct{ Checks []api.Check }
		if err == nil {
			err = a.do(cmd.Context(), call{method: http.MethodGet, path: path("doctor"), query: url.Values{"tokens": {strconv.FormatBool(*tokens)}}}, &answer)
		}
		if err != nil {
			if !errors.Is(err, syscall.ECONNREFUSED) && !c.nobodyAt(s, err) {
				return err
			}
			fmt.Fprintf(c.stderr, c.t("No server answers at %s: only the data folder %s is checked.\n", "%s 没有服务器应答：只检查数据目录 %s。\n"), s.address, s.data)
			answer.Checks = c.examineFolder(s.data)
		}
		return c.showChecks(answer.Checks)
	}
	return cmd
}

// nobodyAt reports whether no server runs on the data folder, so that its own lock can be had.
func (c *cli) nobodyAt(s *server, err error) bool {
	if _, ok := errors.AsType[*failure](err); !ok {
		return false
	}
	if _, err := os.Stat(s.data); err != nil {
		return true
	}
	f, err := lockFolder(s.data, c.now())
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// examineFolder checks a data folder on which no server runs.
func (c *cli) examineFolder(dir string) []api.Check {
	out := []api.Check{{
		Part: "server", State: api.PartDown, Detail: c.t("it does not run", "未运行"), Hint: c.t("start it: todosync serve", "启动：todosync serve"),
	}}
	if _, err := os.Stat(dir); err != nil {
		return append(out, api.Check{
			Part: "folder", State: api.PartWarning, Detail: dir + c.t(" is not there", " 不存在"),
			Hint: c.t("the first start makes it; another is named by --data-dir", "首次启动时创建；可用 --data-dir 指定其他目录"),
		})
	}
	f, err := lockFolder(dir, c.now())
	if err != nil {
		hint := ""
		if e, ok := errors.AsType[*connector.Error](err); ok {
			hint = e.Hint
		}
		return append(out, api.Check{Part: "folder", State: api.PartDown, Detail: said(err), Hint: hint})
	}
	defer func() { _ = f.Close() }()
	out = append(out, examineSync(dir), examineKey(filepath.Join(dir, keyFile)))
	free := api.Check{Part: "disk", State: api.PartOK, Detail: fmt.Sprintf("%d MiB free", diskFree(dir)>>20)}
	if diskFree(dir) < diskLow {
		free.State, free.Hint = api.PartWarning, c.t("give it room", "请释放空间")
	}
	store := api.Check{Part: "store", State: api.PartOK, Detail: filepath.Join(dir, storeFile)}
	if _, err := os.Stat(store.Detail); err != nil {
		store.State, store.Detail = api.PartWarning, store.Detail+c.t(" is not there", " 不存在")
		store.Hint = c.t("the first start makes it", "首次启动时创建")
	}
	return append(out, free, store)
}

// showChecks prints what was found; something that is wrong makes the command fail.
func (c *cli) showChecks(checks []api.Check) error {
	items := make([]json.RawMessage, len(checks))
	wrong := 0
	for i, check := range checks {
		raw, err := json.Marshal(check)
		if err != nil {
			return err
		}
		items[i] = raw
		if check.State == api.PartDown {
			wrong++
		}
	}
	err := c.list([]column{
		{key: "state", en: "STATE", zh: "状态"},
		{key: "part", en: "PART", zh: "部件"},
		{key: "name", en: "NAME", zh: "名称"},
		{key: "detail", en: "FOUND", zh: "结果", max: 70},
		{key: "hint", en: "WHAT TO DO", zh: "处理建议", max: 70},
	}, items)
	if err == nil && wrong > 0 {
		err = &failure{msg: plural(wrong, c.t("1 check failed", "1 项检查未通过"), c.t("%d checks failed", "%d 项检查未通过"))}
	}
	return err
}
