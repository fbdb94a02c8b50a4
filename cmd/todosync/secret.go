package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxSecret bounds what is read as a secret, in bytes; a certificate's key fits.
const maxSecret = 64 << 10

func (c *cli) secretCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "secret", Short: c.t("Secrets of a tenant, named in its files as ${secret:NAME}", "租户的密钥，文件中以 ${secret:名称} 引用")}
	s := c.serverFlags(cmd)
	tenant := cmd.PersistentFlags().String("tenant", "", c.t("tenant", "租户"))
	return c.group(cmd, c.secretSetCmd(s, tenant), c.secretListCmd(s, tenant), c.secretRemoveCmd(s, tenant), c.secretRotateCmd(s))
}

func (c *cli) secretSetCmd(s *server, tenant *string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "set NAME", Short: c.t("Set a secret: from a prompt, or standard input", "设置密钥：通过提示输入，或从标准输入读取"), Args: c.args(1, 1, "NAME"),
		Example: "  todosync secret set seeyon-password --tenant 714439 < password.txt",
	}
	value := cmd.Flags().String("value", "", c.t("the value; others on this machine can see it", "密钥的值；本机其他用户可能看到"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *tenant == "" {
			return c.missing(cmd, "--tenant")
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		v := *value
		if cmd.Flags().Changed("value") {
			fmt.Fprintln(c.stderr, c.t("warning: a value on the command line can be seen by others and stays in the shell's history",
				"警告：命令行中的值会被本机其他人看到，并留在 shell 历史中"))
		} else if v, err = c.askSecret(args[0]); err != nil {
			return err
		}
		body := map[string]string{"tenant": *tenant, "name": args[0], "value": v}
		if err := a.do(cmd.Context(), call{method: http.MethodPut, path: path("secrets"), body: body}, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, c.t("%s of tenant %s is set\n", "租户 %[2]s 的 %[1]s 已设置\n"), args[0], *tenant)
		return err
	}
	return cmd
}

// askSecret reads a secret from a prompt without showing it, or from standard input less the line's end.
func (c *cli) askSecret(name string) (string, error) {
	if f, ok := c.stdin.(*os.File); ok && terminal(f) {
		fmt.Fprintf(c.stderr, c.t("Value of %s (not shown): ", "%s 的值（不回显）:"), name)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(c.stderr)
		return string(b), err
	}
	b, err := io.ReadAll(io.LimitReader(bufio.NewReader(c.stdin), maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if len(b) > maxSecret {
		return "", &failure{msg: fmt.Sprintf(c.t("the secret is longer than %d bytes", "密钥超过 %d 字节"), maxSecret)}
	}
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" {
		return "", errors.New(c.t("standard input holds no value", "标准输入没有内容"))
	}
	return v, nil
}

func (c *cli) secretListCmd(s *server, tenant *string) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: c.t("List the names of secrets", "列出密钥名称"), Args: c.args(0, 0, "")}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		names, err := a.pages(cmd.Context(), path("secrets"), only("tenant", *tenant), &paging{limit: 1000, all: true})
		if err != nil {
			return err
		}
		return c.list([]column{{key: "tenant", en: "tenant", zh: "租户"}, {key: "name", en: "name", zh: "名称"}}, names)
	}
	return cmd
}

func (c *cli) secretRemoveCmd(s *server, tenant *string) *cobra.Command {
	cmd := &cobra.Command{Use: "remove NAME", Short: c.t("Remove a secret", "删除密钥"), Args: c.args(1, 1, "NAME")}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *tenant == "" {
			return c.missing(cmd, "--tenant")
		}
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		q := url.Values{"tenant": {*tenant}, "name": {args[0]}}
		if err := a.do(cmd.Context(), call{method: http.MethodDelete, path: path("secrets"), query: q}, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.stdout, c.t("%s of tenant %s is removed\n", "租户 %[2]s 的 %[1]s 已删除\n"), args[0], *tenant)
		return err
	}
	return cmd
}
