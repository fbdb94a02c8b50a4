package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"todosync/connector/file"
)

// problemColumns are the columns of a list of mistakes in settings files.
var problemColumns = [...]column{
	{key: "file", en: "file", zh: "文件"},
	{key: "line", en: "line", zh: "行"},
	{key: "column", en: "column", zh: "列"},
	{key: "path", en: "path", zh: "位置"},
	{key: "message", en: "message", zh: "问题"},
	{key: "warning", en: "warning", zh: "仅警告"},
}

func (c *cli) validateCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate -f PATH", Short: c.t("Check connection and tenant files, without a server", "检查连接文件和租户文件，无需服务器"), Args: c.args(0, 0, ""),
		Example: "  todosync validate -f connections/",
	}
	paths := c.fileFlag(cmd)
	public := c.publicFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if len(*paths) == 0 {
			return c.missing(cmd, "-f PATH")
		}
		docs, problems, err := c.readSettings(*paths, c.fileOptions(*public))
		if err != nil {
			return err
		}
		if c.output != "" && c.output != "table" {
			items := make([]json.RawMessage, 0, len(problems))
			for _, p := range problems {
				raw, err := json.Marshal(p)
				if err != nil {
					return err
				}
				items = append(items, raw)
			}
			if err := c.list(problemColumns[:], items); err != nil {
				return err
			}
		} else {
			c.tellProblems(c.stdout, problems)
			if problems.Err() == nil {
				n := len(docs)
				fmt.Fprintln(c.stdout, c.t(plural(n, "1 document", "%d documents")+", no mistake", fmt.Sprintf("%d 个文档，没有错误", n)))
			}
		}
		if problems.Err() != nil {
			return errTold
		}
		return nil
	}
	return cmd
}

// readSettings reads settings files and folders, or standard input for a dash alone.
func (c *cli) readSettings(paths []string, o file.Options) ([]file.Document, file.Problems, error) {
	if !slices.Contains(paths, "-") {
		docs, problems := file.ReadFiles(paths, o)
		return docs, problems, nil
	}
	if len(paths) > 1 {
		return nil, nil, &usageError{c.t("-f - is standard input, and goes with no other file", "-f - 表示标准输入，不能与其他文件同用"), ""}
	}
	src, err := io.ReadAll(io.LimitReader(c.stdin, file.MaxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read standard input: %w", err)
	}
	docs, problems := file.Parse("stdin", src, o)
	return docs, problems, nil
}

// fileFlag gives cmd the flag -f for settings files and folders.
func (c *cli) fileFlag(cmd *cobra.Command) *[]string {
	return cmd.Flags().StringSliceP("file", "f", nil, c.t("file or folder, again for more", "文件或目录，可重复"))
}

// publicFlag gives cmd the address that #F117 and #F118 stand for, where no server is asked.
func (c *cli) publicFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("public-url", "https://todosync.example.com", c.t("address of the server for sign-on links", "登录链接所用的服务器地址"))
}

// fileOptions are those of a check away from the server: any environment name may be used.
func (c *cli) fileOptions(public string) file.Options {
	return file.Options{Lang: string(c.lang), CheckPublicURL: true, PublicURL: public}
}

// missing says that a flag must be given.
func (c *cli) missing(cmd *cobra.Command, flag string) error {
	return &usageError{fmt.Sprintf(c.t("%s needs %s", "%s 缺少 %s"), cmd.CommandPath(), flag), c.helpHint(cmd)}
}
