package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"todosync/internal/demopage"
	"todosync/internal/oasim"
)

func (c *cli) simulateCmd() *cobra.Command {
	var vendors []string
	var listen string
	var conf oasim.Config
	cmd := &cobra.Command{
		Use: "simulate", Short: c.t("Run only the OA simulators", "只运行 OA 模拟器"), Args: c.args(0, 0, ""),
		Example: "  todosync simulate --vendor seeyon --listen 127.0.0.1:18081 --fail-rate 0.1 --latency 50ms",
	}
	f := cmd.Flags()
	f.StringSliceVar(&vendors, "vendor", oasim.Vendors(), c.t("which OAs", "模拟哪些 OA"))
	f.StringVar(&listen, "listen", "127.0.0.1:18081", c.t("address of the first; each further one takes the next port", "第一个的监听地址；其余依次使用下一个端口"))
	f.Float64Var(&conf.FailRate, "fail-rate", 0, c.t("share of calls that fail, 0 to 1", "失败比例，0 到 1"))
	f.DurationVar(&conf.Latency, "latency", 0, c.t("wait before each answer", "每次应答前的延迟"))
	f.Uint64Var(&conf.Seed, "seed", 0, c.t("seed of the failures; 0 takes a new one", "失败的随机种子；0 表示每次不同"))
	f.StringVar(&conf.User, "user", "", c.t("the only user who may log in", "唯一可登录的用户"))
	f.StringVar(&conf.Password, "password", "", c.t("his password", "其密码"))
	f.StringVar(&conf.SignOnSecret, "sign-on-secret", "", c.t("secret of the signed links of weaver, landray and cas", "weaver、landray、cas 签名链接的密钥"))
	f.BoolVar(&conf.SeeyonV8, "seeyon-v8", false, c.t("seeyon signs on as its cloud line V8 does", "seeyon 按云版本 V8 的方式登录"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if conf.Seed == 0 {
			conf.Seed = rand.Uint64()
		}
		host, first, err := net.SplitHostPort(listen)
		port, perr := strconv.Atoi(first)
		if err != nil || perr != nil || port < 0 || port+len(vendors) > 65536 {
			return &usageError{fmt.Sprintf(c.t("--listen %s: want an address such as 127.0.0.1:18081", "--listen %s：应为 127.0.0.1:18081 这样的地址"), listen), ""}
		}
		switch {
		case len(vendors) == 0:
			return &usageError{fmt.Sprintf(c.t("--vendor: none is given; want some of %s", "--vendor：未给出；可选 %s"), strings.Join(oasim.Vendors(), ", ")), ""}
		case !(conf.FailRate >= 0 && conf.FailRate <= 1): // NaN is neither
			return &usageError{fmt.Sprintf(c.t("--fail-rate %v: want a share from 0 to 1", "--fail-rate %v：应为 0 到 1 之间的比例"), conf.FailRate), ""}
		case conf.Latency < 0:
			return &usageError{fmt.Sprintf(c.t("--latency %s: want 0 or more, such as 50ms", "--latency %s：应为 0 或更大，如 50ms"), conf.Latency), ""}
		}
		for _, v := range vendors {
			if !slices.Contains(oasim.Vendors(), v) {
				return &usageError{fmt.Sprintf(c.t("--vendor %s: want some of %s", "--vendor %s：只能是 %s"), v, strings.Join(oasim.Vendors(), ", ")), ""}
			}
		}
		var sims oas
		defer func() { sims.close() }()
		for i, v := range vendors {
			at := net.JoinHostPort(host, strconv.Itoa(port+i))
			if port == 0 {
				at = listen
			}
			one := conf
			one.Log = func(call oasim.Call) { c.simulated(v, call) }
			o, err := startOA(cmd.Context(), v, one, at)
			if err != nil {
				return err
			}
			sims = append(sims, o)
			fmt.Fprintf(c.stdout, c.t("%-10s at %s   (its inbox: %s/_sim/inbox, as JSON: /_sim/todos)\n", "%-10s 地址 %s   （待办箱：%s/_sim/inbox，JSON：/_sim/todos）\n"), v, o.address, o.address)
		}
		<-cmd.Context().Done()
		return nil
	}
	return cmd
}

// simulated prints a call that a simulator has answered.
func (c *cli) simulated(vendor string, call oasim.Call) {
	fmt.Fprintf(c.stdout, "%s  %s  %-8s %-8s %s  %s  %d\n", call.Time.Format("15:04:05.000"), pad(vendor, 9), call.Op, call.Effect,
		pad(oneLine(call.Todo), 32), pad(oneLine(strings.Join(call.Accounts, ",")), 20), call.Status)
}

// An oa is a simulated OA that listens on a port of this machine.
type oa struct {
	sim     *oasim.Sim
	server  *http.Server
	address string // http://host:port
	done    sync.WaitGroup
}

// startOA opens the listener and serves until close.
func startOA(ctx context.Context, vendor string, conf oasim.Config, listen string) (*oa, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, &failure{
			msg: fmt.Sprintf("the %s simulator cannot listen on %s", vendor, listen), err: rootCause(err),
			hint: "Stop what listens there, or choose another address with --listen.",
		}
	}
	if conf.Issuer == "" {
		conf.Issuer = "http://" + l.Addr().String()
	}
	sim, err := oasim.New(vendor, conf)
	if err != nil {
		_ = l.Close()
		return nil, &usageError{err.Error(), ""}
	}
	o := &oa{sim: sim, address: "http://" + l.Addr().String()}
	inbox, err := demopage.NewInbox(demopage.OA{Name: vendor, Title: oaTitle(vendor), Sim: sim, Base: o.address})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/_sim/inbox", inbox)
	mux.Handle("/_sim/open", inbox)
	o.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := mux.Handler(r); pattern != "" {
			h.ServeHTTP(w, r)
			return
		}
		sim.ServeHTTP(w, r) // not by the mux, which would tidy its paths up
	}), ReadHeaderTimeout: 10 * time.Second}
	o.done.Go(func() { _ = o.server.Serve(l) }) // ends with http.ErrServerClosed alone
	return o, nil
}

// close ends the simulator and every connection to it.
func (o *oa) close() {
	o.sim.Close()
	_ = o.server.Close()
	o.done.Wait()
}

// oas are simulators that end together.
type oas []*oa

func (s oas) close() {
	for _, o := range s {
		o.close()
	}
}

// rootCause is the innermost error, which says what is wrong without repeating address and call.
func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
