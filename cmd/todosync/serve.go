package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"todosync/connector"
	"todosync/internal/natsserver"
)

func (c *cli) serveCmd() *cobra.Command {
	o := &config{}
	cmd := &cobra.Command{
		Use: "serve", Short: c.t("Run the worker and the API", "运行同步服务与 API"), Args: c.args(0, 0, ""),
		Long: c.t(`Runs everything in one process: NATS JetStream (embedded, unless --nats names another), the store, the worker and the API.
Settings come from the command line, TODOSYNC_... in the environment, and --config FILE, in this order of weight.`,
			`在一个进程中运行全部组件：NATS JetStream（默认内置，也可用 --nats 指定外部）、存储、同步服务和 API。
设置来自命令行、环境变量 TODOSYNC_... 和 --config 文件，优先级依次降低。`),
		Example: "  todosync serve --data-dir /var/lib/todosync --apply /etc/todosync/connections --public-url https://todosync.example.com",
	}
	c.configFlags(cmd.Flags(), o)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if o.file == "" {
			return nil
		}
		return fromFile(o.file, cmd.Flags())
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.validate(); err != nil {
			return &usageError{err.Error(), c.helpHint(cmd)}
		}
		if err := o.checkNATS(); err != nil {
			return err
		}
		log, err := c.logger(o)
		if err != nil {
			return err
		}
		if idle := o.idle(func(name string) bool { return cmd.Flags().Changed(name) }); len(idle) > 0 {
			log.Warn("this version does nothing with these settings", "flags", strings.Join(idle, " "))
		}
		return c.serve(cmd.Context(), *o, log)
	}
	return cmd
}

// checkNATS finds what is wrong with the embedded NATS's own settings while nothing is started yet.
func (o *config) checkNATS() error {
	if !o.embedded() {
		return nil
	}
	err := natsserver.Config{Listen: o.natsListen, ConfigFile: o.natsConfig, StoreDir: filepath.Join(o.dataDir, streamFolder)}.Check()
	if e, ok := errors.AsType[*connector.Error](err); ok {
		return &usageError{plain(e), e.Hint}
	}
	return err
}

// private has every file that this process makes from now on be its owner's alone: the data folder holds keys and customers' todos.
func private() { syscall.Umask(0o077) }

// serve runs the program until the context ends.
func (c *cli) serve(ctx context.Context, o config, log *slog.Logger) error {
	private()
	a, err := newApp(ctx, o, log, hooks{lookup: c.lookup})
	if err != nil {
		return err
	}
	if err := a.applyPaths(ctx, o.apply, o.applyForce); err != nil {
		return errors.Join(err, a.close())
	}
	if err := c.inviteFirstAdmin(ctx, a); err != nil {
		return errors.Join(err, a.close())
	}
	err = a.run(ctx)
	if a.lost {
		return err // the end of the process closes everything
	}
	return errors.Join(err, a.close())
}

// logger makes the program's log on standard error.
func (c *cli) logger(o *config) (*slog.Logger, error) {
	level, err := o.level()
	if err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	if o.logFormat == "text" || (o.logFormat == "" && terminal(c.stderr)) {
		return slog.New(slog.NewTextHandler(c.stderr, options)), nil
	}
	options.ReplaceAttr = readable
	return slog.New(slog.NewJSONHandler(c.stderr, options)), nil
}

// readable writes durations as people do, 30s or 1.5s; JSON would have them in nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// exposed finds passwords on the command line of `serve`, where every user of the machine can read them.
func (c *cli) exposed(f *pflag.FlagSet) error {
	var wrong []string
	f.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "nats-password":
			wrong = append(wrong, fmt.Sprintf(c.t("--nats-password: everybody on this machine can read it; use %s or --nats-password-file",
				"--nats-password：本机任何人都能看到；请改用 %s 或 --nats-password-file"), envName(flag.Name)))
		case "key":
			wrong = append(wrong, fmt.Sprintf(c.t("--key: everybody on this machine can read it; use %s or --key-file",
				"--key：本机任何人都能看到；请改用 %s 或 --key-file"), envName(flag.Name)))
		case "nats", "store", "smtp":
			for a := range strings.SplitSeq(flag.Value.String(), ",") {
				u, err := url.Parse(a)
				if err != nil {
					continue
				}
				if _, has := u.User.Password(); has || u.Query().Has("password") {
					wrong = append(wrong, fmt.Sprintf(c.t("--%s: there is a password in the address, where everybody on this machine can read it; use %s or a file",
						"--%s：地址中含有密码，本机任何人都能看到；请改用 %s 或文件"), flag.Name, envName(flag.Name)))
				}
			}
		}
	})
	if len(wrong) > 0 {
		return &usageError{strings.Join(wrong, "\n"), c.t("Nothing was started.", "未启动任何组件。")}
	}
	return nil
}
