package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"todosync/store"
)

// A config is all that `serve` can be told. It is filled by flags, the environment and a file, in this order of weight; packages
// get their parts of it and read none of these themselves.
type config struct {
	file    string
	dataDir string

	nats             string // "embedded", or addresses with commas between
	natsCreds        string
	natsTLSCA        string
	natsUser         string
	natsPassword     string
	natsPasswordFile string
	natsListen       string
	natsConfig       string
	natsSync         string
	stream           string
	consumer         string
	streamReplicas   int
	streamMaxAge     span
	streamMaxBytes   size

	store     string
	storeFile string

	storeAddress string // of PostgreSQL, from either; empty: SQLite
	keyFile      string
	keyText      string

	listen         string
	tlsCert        string
	tlsKey         string
	publicURL      string
	trustedProxies []string

	oidcIssuer, oidcClientID, oidcClientSecretFile string
	oidcName, oidcClaim                            string
	oidcScopes, oidcRules                          []string

	apply      []string
	applyForce bool
	envAllow   []string

	egressDeny, egressAllow []string

	drain            span
	keep, keepFailed span
	logLevel         string
	logFormat        string

	smtp, smtpFrom, smtpPasswordFile string
	otlpEndpoint                     string
}

// defaults are the values that the flags begin with.
func defaults() config {
	return config{
		dataDir: "./data", nats: "embedded", natsListen: "127.0.0.1:4222", natsSync: "always", stream: "CRM", consumer: "todosync",
		streamReplicas: 1, streamMaxAge: span(7 * 24 * time.Hour), streamMaxBytes: 4 << 30, oidcScopes: []string{"profile", "email"}, oidcClaim: "groups",
		store: "sqlite", listen: "127.0.0.1:8080", drain: span(30 * time.Second),
		keep: span(90 * 24 * time.Hour), keepFailed: span(180 * 24 * time.Hour), logLevel: "info",
	}
}

// configFlags defines the flags of `serve` over a config.
func (c *cli) configFlags(f *pflag.FlagSet, o *config) {
	*o = defaults()
	f.StringVar(&o.file, "config", o.file, c.t("file with these settings (YAML: data-dir: ./data)", "配置文件（YAML，如 data-dir: ./data）"))
	f.StringVar(&o.dataDir, "data-dir", o.dataDir, c.t("folder of the store, the stream and the keys", "数据目录：存储、消息流与密钥"))
	f.StringVar(&o.nats, "nats", o.nats, c.t("embedded, or nats://host:4222,...", "embedded（内置），或 nats://host:4222,..."))
	f.StringVar(&o.natsCreds, "nats-creds", "", c.t("credentials file for NATS", "NATS 凭据文件"))
	f.StringVar(&o.natsTLSCA, "nats-tls-ca", "", c.t("CA file for NATS", "NATS 的 CA 证书文件"))
	f.StringVar(&o.natsUser, "nats-user", "", c.t("user for NATS", "NATS 用户名"))
	f.StringVar(&o.natsPassword, "nats-password", "", c.t("password for NATS; only from the environment or a file", "NATS 密码；只能来自环境变量或文件"))
	f.StringVar(&o.natsPasswordFile, "nats-password-file", "", c.t("file with the password for NATS", "NATS 密码文件"))
	f.StringVar(&o.natsListen, "nats-listen", o.natsListen, c.t("where the embedded NATS takes events", "内置 NATS 的监听地址"))
	f.StringVar(&o.natsConfig, "nats-config", "", c.t("configuration of the embedded NATS in its own format", "内置 NATS 的配置文件（NATS 自己的格式）"))
	f.StringVar(&o.natsSync, "nats-sync", o.natsSync, c.t("sync of the embedded NATS to disk: always, or a time such as 2s", "内置 NATS 落盘：always，或间隔如 2s"))
	f.StringVar(&o.stream, "stream", o.stream, c.t("name of the JetStream stream", "JetStream 流的名称"))
	f.StringVar(&o.consumer, "consumer", o.consumer, c.t("name of its consumer", "消费者名称"))
	f.IntVar(&o.streamReplicas, "stream-replicas", o.streamReplicas, c.t("replicas of a stream that is made", "新建流的副本数"))
	f.Var(&o.streamMaxAge, "stream-max-age", c.t("how long planned events stay in the stream", "已处理事件在流中保留多久"))
	f.Var(&o.streamMaxBytes, "stream-max-bytes", c.t("size at which the stream refuses events", "流的容量上限，超过则拒收"))
	f.StringVar(&o.store, "store", o.store, c.t("sqlite, or postgres://...", "sqlite，或 postgres://..."))
	f.StringVar(&o.storeFile, "store-file", "", c.t("file with the store's address and password", "存储地址（含密码）的文件"))
	f.StringVar(&o.keyText, "key", "", c.t("key of secrets in place of a file; only from the environment", "加密密钥（代替密钥文件）；只能来自环境变量"))
	f.StringVar(&o.keyFile, "key-file", "", c.t("file with the key of secrets (default DATA/key)", "密钥文件（默认 DATA/key）"))
	f.StringVar(&o.listen, "listen", o.listen, c.t("where the API listens", "API 监听地址"))
	f.StringVar(&o.tlsCert, "tls-cert", "", c.t("certificate file", "证书文件"))
	f.StringVar(&o.tlsKey, "tls-key", "", c.t("private key file of the certificate", "证书私钥文件"))
	f.StringVar(&o.publicURL, "public-url", "", c.t("address of this server for browsers", "浏览器访问本服务的地址"))
	f.StringVar(&o.oidcIssuer, "oidc-issuer", "", c.t("OIDC provider at which people may log in to the console", "控制台统一登录（OIDC）提供方的 issuer"))
	f.StringVar(&o.oidcClientID, "oidc-client-id", "", c.t("name of this server at the OIDC provider", "在 OIDC 提供方登记的客户端标识"))
	f.StringVar(&o.oidcClientSecretFile, "oidc-client-secret-file", "", c.t("file with its secret there", "客户端密钥文件"))
	f.StringVar(&o.oidcName, "oidc-name", "", c.t("what the log-in page calls the provider (default: its host)", "登录页上提供方的名称（默认取其主机名）"))
	f.StringSliceVar(&o.oidcScopes, "oidc-scopes", o.oidcScopes, c.t("what is asked of the provider beside openid", "除 openid 外向提供方申请的 scope"))
	f.StringVar(&o.oidcClaim, "oidc-claim", o.oidcClaim, c.t("claim that the rules look at; a dot goes deeper: realm_access.roles", "规则所看的声明；用点表示下级：realm_access.roles"))
	f.StringSliceVar(&o.oidcRules, "oidc-rule", nil, c.t("a role by what the claim holds: oa-admins=admin, oa-{tenant}=operator, hq=viewer@714439+888888", "按声明的值给角色：oa-admins=admin、oa-{tenant}=operator、hq=viewer@714439+888888"))
	f.StringSliceVar(&o.trustedProxies, "trusted-proxies", nil, c.t("proxies in front (CIDR)", "可信的前置代理（CIDR）"))
	f.StringSliceVar(&o.apply, "apply", nil, c.t("connection files or folders to apply at start", "启动时加载的连接文件或目录"))
	f.BoolVar(&o.applyForce, "apply-force", false, c.t("apply also over what was changed elsewhere", "强制加载，覆盖在别处改动过的内容"))
	f.StringSliceVar(&o.envAllow, "env-allow", nil, c.t("names that ${env:NAME} may use", "允许 ${env:NAME} 使用的环境变量名"))
	f.StringSliceVar(&o.egressDeny, "egress-deny", nil, c.t("networks that no OA may be in (CIDR)", "禁止访问的网段（CIDR）"))
	f.StringSliceVar(&o.egressAllow, "egress-allow", nil, c.t("networks that an OA may be in (CIDR)", "允许访问的网段（CIDR）"))
	f.Var(&o.drain, "drain", c.t("how long a stop waits for what is in flight", "停止时等待在途请求的时间"))
	f.Var(&o.keep, "keep", c.t("how long records stay", "同步记录保留多久"))
	f.Var(&o.keepFailed, "keep-failed", c.t("how long failed records stay", "失败记录保留多久"))
	f.StringVar(&o.logLevel, "log-level", o.logLevel, c.t("debug, info, warn or error", "日志级别：debug、info、warn 或 error"))
	f.StringVar(&o.logFormat, "log-format", "", c.t("text or json (default: text on a terminal)", "日志格式：text 或 json（终端默认 text）"))
	f.StringVar(&o.smtp, "smtp", "", c.t("mail server: smtp://user@host:587", "邮件服务器：smtp://user@host:587"))
	f.StringVar(&o.smtpFrom, "smtp-from", "", c.t("sender of mails", "发件人"))
	f.StringVar(&o.smtpPasswordFile, "smtp-password-file", "", c.t("file with the mail server's password", "邮件密码文件"))
	f.StringVar(&o.otlpEndpoint, "otlp-endpoint", "", c.t("where traces go", "链路追踪的上报地址"))
}

// validate finds all that is wrong with the settings at once, each with the flag's name.
func (o *config) validate() error {
	var wrong []error
	add := func(flag, why string, a ...any) { wrong = append(wrong, fmt.Errorf("--"+flag+": "+why, a...)) }
	if o.dataDir == "" {
		add("data-dir", "want a folder")
	}
	o.validateNATS(add)
	o.validateStore(add)
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		add("listen", "%q is no address such as 127.0.0.1:8080", o.listen)
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		add("tls-cert", "--tls-cert and --tls-key go together")
	}
	if u, err := url.Parse(o.publicURL); o.publicURL != "" && (err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "") {
		add("public-url", "%q is no address such as https://todosync.example.com", o.publicURL)
	}
	o.validateOIDC(add)
	for flag, nets := range map[string][]string{"egress-deny": o.egressDeny, "egress-allow": o.egressAllow, "trusted-proxies": o.trustedProxies} {
		for _, n := range nets {
			if _, err := netip.ParsePrefix(n); err != nil {
				if _, err := netip.ParseAddr(n); err != nil {
					add(flag, "%q is no network such as 10.0.0.0/8", n)
				}
			}
		}
	}
	if _, err := o.mailServer(); err != nil {
		add("smtp", "%v", err)
	}
	if o.smtp == "" && (o.smtpFrom != "" || o.smtpPasswordFile != "") {
		add("smtp", "is missing: --smtp-from and --smtp-password-file are about it")
	}
	if _, err := o.level(); err != nil {
		add("log-level", "%q is none of debug, info, warn, error", o.logLevel)
	}
	if !slices.Contains([]string{"", "text", "json"}, o.logFormat) {
		add("log-format", "%q is neither text nor json", o.logFormat)
	}
	for _, p := range o.apply {
		if _, err := os.Stat(p); err != nil {
			add("apply", "%s is not there", p)
		}
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}

func (o *config) validateNATS(add func(flag, why string, a ...any)) {
	if o.embedded() {
		host, _, err := net.SplitHostPort(o.natsListen)
		switch {
		case err != nil:
			add("nats-listen", "%q is no address such as 127.0.0.1:4222", o.natsListen)
		case o.natsConfig == "" && !onThisMachine(host):
			add("nats-listen", "%s can be reached by others: give --nats-config with users and TLS, or listen on 127.0.0.1", o.natsListen)
		}
		if _, err := o.syncInterval(); err != nil {
			add("nats-sync", "%q is neither always nor a time such as 2s", o.natsSync)
		}
	}
	for a := range strings.SplitSeq(o.nats, ",") {
		u, err := url.Parse(a)
		if !o.embedded() && (err != nil || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) || u.Host == "") {
			add("nats", "want embedded, or addresses such as nats://host:4222")
			break
		}
	}
	if o.natsPassword != "" && o.natsPasswordFile != "" {
		add("nats-password-file", "the password is given twice")
	}
	if o.keyText != "" && o.keyFile != "" {
		add("key-file", "the key is given twice")
	}
	if o.stream == "" || strings.ContainsAny(o.stream, " .*>/\\\t") {
		add("stream", "%q is no name of a stream", o.stream)
	}
	if o.consumer == "" || strings.ContainsAny(o.consumer, " .*>/\\\t") {
		add("consumer", "%q is no name of a consumer", o.consumer)
	}
	if o.streamReplicas < 1 || o.streamReplicas > 5 {
		add("stream-replicas", "%d is not 1 to 5", o.streamReplicas)
	}
	if o.streamMaxAge == 0 {
		add("stream-max-age", "want more than 0")
	}
	if o.keep == 0 {
		add("keep", "want more than 0")
	}
	if o.keepFailed == 0 {
		add("keep-failed", "want more than 0")
	}
}

func (o *config) validateStore(add func(flag, why string, a ...any)) {
	address := o.store
	if o.storeFile != "" {
		b, err := os.ReadFile(o.storeFile)
		if err != nil {
			add("store-file", "%s cannot be read", o.storeFile)
			return
		}
		address = strings.TrimSpace(string(b))
	}
	switch {
	case address == "sqlite":
	case strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://"):
		if err := store.CheckAddress(address); err != nil {
			add("store", "%s", said(err))
		}
		o.storeAddress = address
	default:
		add("store", "want sqlite, or postgres://user@host/database")
	}
}

// embedded reports whether NATS runs in this process.
func (o *config) embedded() bool { return o.nats == "embedded" }

// shared reports whether several processes can work on the store.
func (o *config) shared() bool { return o.storeAddress != "" }

// syncInterval is how often the embedded NATS syncs to disk; 0 is each message before its ack.
func (o *config) syncInterval() (time.Duration, error) {
	if o.natsSync == "always" {
		return 0, nil
	}
	d, err := time.ParseDuration(o.natsSync)
	if err == nil && d <= 0 {
		err = errors.New("not above 0")
	}
	return d, err
}

func (o *config) level() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(o.logLevel))
	return l, err
}

// key is the file with the key of secrets.
func (o *config) key() string {
	if o.keyFile != "" {
		return o.keyFile
	}
	return filepath.Join(o.dataDir, keyFile)
}

// idle names the flags that were set and that this version does nothing with, so that nobody waits in vain.
func (o *config) idle(set func(flag string) bool) []string {
	var out []string
	for _, f := range []string{"otlp-endpoint"} {
		if set(f) {
			out = append(out, "--"+f)
		}
	}
	return out
}
