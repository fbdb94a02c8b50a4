package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/web/api"
)

// backups makes backups as the API wants to see them.
type backups struct{ a *app }

// Backup implements api.Backups.
func (b backups) Backup(ctx context.Context, progress func(done, all int)) (api.Backup, error) {
	a := b.a
	if size := sizeOf(filepath.Join(a.cfg.dataDir, storeFile)); size > 0 && diskFree(a.cfg.dataDir) < size+diskFull {
		return nil, &connector.Error{
			Kind: connector.Unavailable, Op: "back up", Msg: fmt.Sprintf("a backup takes %d MiB, which are not free where %s is", size>>20, a.cfg.dataDir),
			Hint: "free some space there; the copy goes away when it has been fetched",
		}
	}
	f, err := os.CreateTemp(a.cfg.dataDir, backupTemp+"*")
	if err != nil {
		return nil, err
	}
	path := f.Name()
	if err := f.Close(); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	began := time.Now()
	c, err := a.store.Backup(ctx, path, progress)
	if err != nil {
		_ = os.Remove(path) // the store has, mostly
		return nil, err
	}
	a.log.InfoContext(ctx, "backup made", "bytes", sizeOf(path), "took", time.Since(began).Round(time.Millisecond).String(),
		"writer_held_at_most", c.Held.Round(time.Millisecond/10).String())
	return &madeBackup{path: path, manifest: manifest{Made: time.Now().UTC().Truncate(time.Second), Version: version, Copy: c}}, nil
}

// A madeBackup is a copy of the store in a file of the data folder.
type madeBackup struct {
	path     string
	manifest manifest
}

// WriteTo writes the backup.
func (m *madeBackup) WriteTo(w io.Writer) (int64, error) {
	count := &counter{w: w}
	err := writeBackup(count, m.path, m.manifest)
	return count.n, err
}

// Close removes the copy.
func (m *madeBackup) Close() error { return os.Remove(m.path) }

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func (c *cli) backupCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup FILE", Args: c.args(1, 1, "FILE"),
		Short: c.t("Copy the store of a running server into a file", "将运行中服务器的存储备份到文件"),
		Long: c.t(`Copies the SQLite store of a running server into one file, while everything goes on: events, deliveries, records, settings,
bindings, sealed secrets, and how far the stream was read. Keep the key (DATA/key) apart: without it no secret in the backup can be read.
The event stream itself is not in it; restore reads it again from where the backup was.`,
			`在不停机的情况下，把服务器的 SQLite 存储复制到一个文件：事件、推送、同步记录、设置、绑定、加密后的密钥，以及消息流的读取位置。
请另行保管密钥文件（DATA/key）：没有它，备份中的密钥无法解密。备份不含消息流本身；恢复后会从备份时的位置重新读取。`),
		Example: "  todosync backup /backup/todosync-$(date +%F).tar",
	}
	s := c.serverFlags(cmd)
	force := cmd.Flags().Bool("force", false, c.t("replace a file that is there", "覆盖已有文件"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		return c.fetchBackup(cmd.Context(), a, args[0], *force)
	}
	return cmd
}

// fetchBackup has the server make a backup and keeps it in a file, which is there whole or not at all.
func (c *cli) fetchBackup(ctx context.Context, a *client, name string, force bool) (err error) {
	cannot := func(err error) error {
		return &failure{msg: fmt.Sprintf(c.t("cannot write %s", "无法写入 %s"), name), err: err}
	}
	if _, err := os.Stat(name); err == nil && !force {
		return &failure{
			msg: fmt.Sprintf(c.t("%s is there already", "%s 已存在"), name), hint: c.t("Name another file, or give --force.", "请换一个文件名，或使用 --force。"),
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".todosync-*")
	if err != nil {
		return cannot(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // it is gone already where the rename has failed
		}
	}()
	defer func() { _ = f.Close() }()
	resp, err := a.open(ctx, call{method: http.MethodPost, path: path("backup")})
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body := bufio.NewReaderSize(resp.Body, 1<<20)
	if err := c.followBackup(body); err != nil {
		return err
	}
	p := c.progress(c.t("written", "已写入"))
	m, err := readBackup(io.TeeReader(body, io.MultiWriter(f, p)), io.Discard)
	p.end()
	if err != nil {
		return err
	}
	if err := errors.Join(f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return cannot(err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return cannot(err)
	}
	fmt.Fprintf(c.stderr, c.t("%s: %d events, %d deliveries waiting, %.1f MiB; keep the key file of the server apart from it\n",
		"%s：%d 个事件，%d 个待推送，%.1f MiB；请另行保管服务器的密钥文件\n"), name, m.Events, m.Waiting, float64(m.Size)/(1<<20))
	return nil
}

// followBackup reads the lines before a backup, and shows them on a terminal.
func (c *cli) followBackup(body *bufio.Reader) error {
	on := terminal(c.stderr)
	for {
		line, err := body.ReadBytes('\n')
		var step api.BackupStep
		if err == nil {
			err = json.Unmarshal(bytes.TrimSpace(line), &step)
		}
		switch {
		case err != nil:
			return &failure{
				msg:  c.t("the server gave up the backup", "服务器中断了备份"),
				hint: c.t("Look at its log, and try again.", "请查看服务器日志后重试。"), err: err,
			}
		case step.Problem != nil:
			return &failure{msg: step.Problem.Detail, hint: step.Problem.Hint}
		case on && step.Of > 0:
			fmt.Fprintf(c.stderr, c.t("\rcopied %d %% ", "\r已复制 %d %% "), 100*step.Done/step.Of)
		}
		if step.Ready {
			if on {
				fmt.Fprint(c.stderr, "\r\x1b[K")
			}
			return nil
		}
	}
}
