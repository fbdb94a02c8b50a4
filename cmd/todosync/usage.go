package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"todosync/connector"
	"todosync/connector/file"
)

// A usageError says that the command line is wrong; the program ends with exitUsage.
type usageError struct {
	msg, hint string
}

func (e *usageError) Error() string { return e.msg }

// A failure is trouble that is told with what to do next. It ends the program with exitFailed.
type failure struct {
	msg, hint string
	err       error
}

func (e *failure) Error() string {
	if e.err == nil {
		return e.msg
	}
	return e.msg + ": " + e.err.Error()
}

func (e *failure) Unwrap() error { return e.err }

// errTold ends the program with exitFailed and says nothing more: what is wrong has been printed as the command's result.
var errTold = errors.New("told already")

// tell prints an error as one message with what to do next, and gives the exit code.
func (c *cli) tell(err error) int {
	if err == nil {
		return exitDone
	}
	code, hint, text := exitFailed, "", err.Error()
	if errors.Is(err, errTold) {
		return code
	}
	if p, ok := errors.AsType[file.Problems](err); ok {
		c.tellProblems(c.stderr, p)
		return code
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		code, hint = exitUsage, e.hint
	} else if e, ok := errors.AsType[*failure](err); ok {
		hint = e.hint
	} else if e, ok := errors.AsType[*connector.Error](err); ok {
		text, hint = plain(e), e.Hint
	}
	fmt.Fprintln(c.stderr, "todosync: "+shown(text))
	if hint != "" {
		fmt.Fprintln(c.stderr, "  "+shown(hint))
	}
	return code
}

// tellProblems prints mistakes in settings files, each in a line that begins with its place as editors expect it.
func (c *cli) tellProblems(w io.Writer, ps file.Problems) {
	for _, p := range ps {
		if p.Warning {
			fmt.Fprintln(w, shown(p.String())+c.t(" (warning)", "（警告）"))
			continue
		}
		fmt.Fprintln(w, shown(p.String()))
	}
}

// plain is the text of an Error for a person: without its operation, which is for logs, and with the cause only where the
// message alone would not tell enough.
func plain(e *connector.Error) string {
	text := e.Msg
	if e.Err != nil && (text == "" || e.Kind == connector.Internal || e.Kind == connector.Unavailable) {
		text = strings.TrimPrefix(text+": "+e.Err.Error(), ": ")
	}
	for _, d := range e.Details {
		text += "\n  " + strings.TrimPrefix(d.Path+": "+d.Message, ": ")
	}
	return text
}

// wrongFlag turns pflag's complaint into a usageError with the nearest right name.
func (c *cli) wrongFlag(cmd *cobra.Command, err error) error {
	hint := c.helpHint(cmd)
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		name := "--" + e.GetSpecifiedName()
		if short := e.GetSpecifiedShortnames(); short != "" {
			name = "-" + e.GetSpecifiedName()
		} else if near := nearest(e.GetSpecifiedName(), flagNames(cmd)); near != "" {
			hint = fmt.Sprintf(c.t("Did you mean --%s?", "是不是要用 --%s?"), near)
		}
		return &usageError{fmt.Sprintf(c.t("%s has no flag %s", "%s 没有选项 %s"), cmd.CommandPath(), name), hint}
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return &usageError{fmt.Sprintf(c.t("--%s needs a value", "--%s 需要一个值"), e.GetFlag().Name), hint}
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return &usageError{c.wrongValue("--"+e.GetFlag().Name, e.GetValue(), e.Unwrap()), hint}
	}
	return &usageError{err.Error(), hint}
}

// wrongValue says that a flag or variable has a value that it cannot have.
func (c *cli) wrongValue(where, value string, why error) string {
	if value == "" {
		return fmt.Sprintf(c.t("%s: the value is empty: %s", "%s：值为空：%s"), where, reason(why))
	}
	return fmt.Sprintf("%s %s: %s", where, value, reason(why))
}

// reason cuts Go's own prefixes off the complaint about a number or truth value.
func reason(err error) string {
	s := err.Error()
	if strings.Contains(s, "invalid syntax") {
		return "not a number, or not true or false"
	}
	return s
}

func (c *cli) helpHint(cmd *cobra.Command) string {
	return fmt.Sprintf(c.t("See: %s --help", "用法见：%s --help"), cmd.CommandPath())
}

// args checks the number of arguments; max < 0 is no bound. what names them for the message.
func (c *cli) args(min, max int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < min:
			return &usageError{fmt.Sprintf(c.t("%s needs %s", "%s 缺少参数 %s"), cmd.CommandPath(), what), c.helpHint(cmd)}
		case max >= 0 && len(args) > max:
			return &usageError{fmt.Sprintf(c.t("%s does not take %q", "%s 不接受参数 %q"), cmd.CommandPath(), args[max]), c.helpHint(cmd)}
		}
		return nil
	}
}

// group makes a command that only holds others: called alone it prints its help, called with a name that it does not hold it
// names the nearest.
func (c *cli) group(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subs...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, s := range cmd.Commands() {
			if s.IsAvailableCommand() {
				names = append(names, s.Name())
			}
		}
		hint := c.helpHint(cmd)
		if near := nearest(args[0], names); near != "" {
			hint = fmt.Sprintf(c.t("Did you mean %s %s?", "是不是要用 %s %s?"), cmd.CommandPath(), near)
		}
		return &usageError{fmt.Sprintf(c.t("%s has no command %q", "%s 没有命令 %q"), cmd.CommandPath(), args[0]), hint}
	}
	return cmd
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}

// nearest is the name that word was most likely meant to be, empty where none is near.
func nearest(word string, names []string) string {
	best, bound := "", max(2, len(word)/3)+1
	for _, n := range names {
		d := file.Edits(word, n)
		if strings.HasPrefix(n, word) && len(word) >= 3 {
			d = 1
		}
		if d < bound {
			best, bound = n, d
		}
	}
	return best
}
