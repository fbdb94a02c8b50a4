package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// run executes one command line and gives its exit code.
func (c *cli) run(ctx context.Context, args []string) int {
	c.lang = langOf(args, c.lookup)
	root := c.root() //nolint:contextcheck // commands get the context from cobra
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &failure{msg: c.t("interrupted", "已中断")}
	}
	if err == nil && c.more != "" {
		fmt.Fprintln(c.stderr, c.more)
	}
	return c.tell(err)
}

// root builds the whole tree of commands.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use: "todosync",
		Short: c.t("Keeps the todo inbox of OA systems in step with a CRM",
			"让 OA 的待办与 CRM 保持同步"),
		Long: c.t(`todosync takes a CRM's todo events from NATS JetStream and keeps the todo inbox of OA systems in step.

Try it without any set-up:   todosync demo
Run it for real:             todosync serve --apply CONNECTIONS`,
			`todosync 从 NATS JetStream 读取 CRM 的待办事件，并让各 OA 系统的待办与之保持同步。

无需任何准备即可体验：todosync demo
正式运行：todosync serve --apply 连接文件`),
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: c.prepare,
	}
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetFlagErrorFunc(c.wrongFlag)
	f := root.PersistentFlags()
	f.String("lang", string(c.lang), c.t("language of messages: en or zh", "提示语言：en 或 zh"))
	f.StringVarP(&c.output, "output", "o", "", c.t("output: table, json, yaml or csv", "输出格式：table、json、yaml 或 csv"))
	c.group(root,
		c.serveCmd(), c.demoCmd(), c.simulateCmd(),
		c.publishCmd(), c.eventsCmd(), c.rejectedCmd(), c.digestsCmd(), c.recordsCmd(), c.jobsCmd(),
		c.applyCmd(), c.exportCmd(), c.validateCmd(), c.draftCmd(), c.renderCmd(), c.tryCmd(), c.schemaCmd(),
		c.connectionsCmd(), c.tenantsCmd(), c.bindingsCmd(), c.secretCmd(),
		c.tokenCmd(), c.usersCmd(), c.auditCmd(), c.signOnsCmd(),
		c.doctorCmd(), c.backupCmd(), c.restoreCmd(),
		c.versionCmd(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, sub := range root.Commands() {
		switch sub.Name() {
		case "help":
			sub.Short = c.t("Help about any command", "查看命令的帮助")
			sub.Run, sub.RunE = nil, c.help
		case "completion":
			sub.Short = c.t("Print a completion script for a shell", "输出 shell 补全脚本")
			c.group(sub)
		}
	}
	if c.lang == chinese {
		root.SetUsageTemplate(strings.NewReplacer(
			"Usage:", "用法：", "Aliases:", "别名：", "Examples:", "示例：", "Available Commands:", "命令：",
			"Additional Commands:", "其他命令：", "Global Flags:", "通用选项：", "Flags:", "选项：",
			"Additional help topics:", "其他帮助：",
			`Use "{{.CommandPath}} [command] --help" for more information about a command.`,
			`用 "{{.CommandPath}} [命令] --help" 查看某个命令的详细说明。`,
		).Replace(root.UsageTemplate()))
	}
	return root
}

// help prints the help of the command that its arguments name.
func (c *cli) help(cmd *cobra.Command, args []string) error {
	of, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return &usageError{fmt.Sprintf(c.t("there is no command %q", "没有命令 %q"), strings.Join(args, " ")), c.helpHint(cmd.Root())}
	}
	of.InitDefaultHelpFlag()
	return of.Help()
}

// prepare runs before every command: it fills flags from the environment and checks those that all commands share.
func (c *cli) prepare(cmd *cobra.Command, _ []string) error {
	if cmd.Name() == "serve" {
		// Before the environment is laid over the flags: only the command line can be read by others.
		if err := c.exposed(cmd.Flags()); err != nil {
			return err
		}
	}
	if err := c.fromEnvironment(cmd); err != nil {
		return err
	}
	if l := cmd.Flag("lang"); l.Changed && l.Value.String() != string(english) && l.Value.String() != string(chinese) {
		return &usageError{fmt.Sprintf(c.t("--lang %s: want en or zh", "--lang %s：只能是 en 或 zh"), l.Value), ""}
	}
	switch c.output {
	case "", "table", "json", "yaml", "csv":
		return nil
	}
	if cmd.Name() == "new" && strings.ContainsAny(c.output, "./-") {
		return nil // the name of the file that is to be written
	}
	return &usageError{fmt.Sprintf(c.t("--output %s: want table, json, yaml or csv", "--output %s：只能是 table、json、yaml 或 csv"), c.output), ""}
}

// envName is the environment variable that stands for a flag.
func envName(flag string) string {
	return "TODOSYNC_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment sets each flag that the command line left alone from its variable, where that is set and not empty.
func (c *cli) fromEnvironment(cmd *cobra.Command) error {
	var wrong error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == "lang" || wrong != nil {
			return
		}
		v, ok := c.lookup(envName(f.Name))
		if !ok || v == "" {
			return
		}
		if err := cmd.Flags().Set(f.Name, v); err != nil {
			why := errors.Unwrap(err)
			if why == nil {
				why = err
			}
			wrong = &usageError{c.wrongValue(envName(f.Name), v, why), c.helpHint(cmd)}
		}
	})
	return wrong
}
