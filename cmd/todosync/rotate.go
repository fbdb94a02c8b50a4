package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/web/api"
)

// A keyChange lets one change of the key go on at a time.
type keyChange struct{ mu sync.Mutex }

// keys reads the keys of the store as they are given now.
func (a *app) keys() (storeKeys, error) {
	if a.cfg.keyText != "" {
		return parseKeys(a.cfg.keyText, "the environment's "+envName("key"))
	}
	return readKeys(a.cfg.key(), filepath.Join(a.cfg.dataDir, storeFile), a.log)
}

// rotateKey changes the key that secrets and tokens are sealed with. Where one key alone is given, and it is in a file that no other worker
// needs, a new one is made and the old one taken away in the end; else the first of several is today's from now on.
func (a *app) rotateKey(ctx context.Context, who string) (api.KeyChange, error) {
	a.keyChange.mu.Lock()
	defer a.keyChange.mu.Unlock()
	const op = "change the key"
	given, err := a.keys()
	if err != nil {
		return api.KeyChange{}, err
	}
	if len(given.keys) == 1 {
		if a.cfg.keyText != "" || a.cfg.shared() {
			return api.KeyChange{}, &connector.Error{
				Kind: connector.Conflict, Op: op, Msg: "there is one key, and other workers may need the new one first",
				Hint: "make a key (openssl rand -base64 32), put it in front of the old one wherever workers get their key, and try again",
			}
		}
		fresh := random(keySize)
		given = storeKeys{keys: [][]byte{fresh, given.keys[0]}, replacing: true}
		if err := writeKeys(a.cfg.key(), given); err != nil {
			return api.KeyChange{}, err
		}
	}
	done, err := a.store.Rotate(ctx, who)
	if err != nil {
		return api.KeyChange{}, err
	}
	out := api.KeyChange{Secrets: done.Secrets, Tokens: done.Tokens, Lost: done.Lost, Old: len(given.keys) - 1}
	if given.replacing {
		out.Old = 0
		err = writeKeys(a.cfg.key(), storeKeys{keys: given.keys[:1]})
	}
	return out, err
}

// endKeyChange ends a change of the key that was broken off.
func (a *app) endKeyChange(ctx context.Context) {
	given, err := a.keys()
	if err == nil && given.replacing {
		_, err = a.rotateKey(ctx, "todosync")
	}
	if err != nil {
		a.log.WarnContext(ctx, "the change of the key is not ended; the next start tries again", "error", err)
	}
}

// writeKeys writes a key file whole or not at all.
func writeKeys(name string, k storeKeys) error {
	lines := make([]string, 0, len(k.keys)+1)
	for i, key := range k.keys {
		if i == 1 && k.replacing {
			lines = append(lines, replacedMark)
		}
		lines = append(lines, base64.StdEncoding.EncodeToString(key))
	}
	text := strings.Join(lines, "\n")
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // a link stays one
	}
	if err := writeNew(name, text); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return &connector.Error{Kind: connector.Forbidden, Op: "write the key file", Msg: name + " cannot be written by this process", Err: err}
		}
		return err
	}
	return nil
}

func (c *cli) secretRotateCmd(s *server) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: c.t("Change the key that secrets and tokens are encrypted with", "更换加密密钥与令牌所用的主密钥"), Args: c.args(0, 0, ""),
		Long: c.t(`Change the key that secrets and tokens are encrypted with.

A server with a key file of its own makes a new key, encrypts everything with it, and takes the old key out of the file. If it is killed
half-way, it goes on at its next start.

Several workers, or a key in the environment: first put a new key in front of the old one wherever a worker gets its keys (a line of the key
file; with a comma in the environment), then run this once, then take the old key away everywhere.`, `更换加密密钥与令牌所用的主密钥。

服务端有自己的密钥文件时：生成新密钥，用它重新加密全部内容，再从文件中删除旧密钥。中途被终止，下次启动时继续。

多个 worker 或密钥在环境变量中时：先在每个 worker 的密钥来源中把新密钥写在旧密钥之前（文件中各占一行；环境变量中以逗号分隔），
再执行一次本命令，最后在各处删除旧密钥。`),
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		var done api.KeyChange
		if err := a.do(cmd.Context(), call{method: http.MethodPost, path: path("secrets", "rotate")}, &done); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, c.t("%d secrets and %d tokens are encrypted with the new key\n", "%d 个密钥与 %d 个令牌已用新主密钥加密\n"), done.Secrets, done.Tokens)
		if done.Old > 0 {
			fmt.Fprintln(c.stdout, c.t("the old key opens nothing any more: take it away wherever workers get their keys", "旧密钥已不再使用：请从各 worker 的密钥来源中删除"))
		}
		for _, name := range done.Lost {
			fmt.Fprintf(c.stderr, c.t("no key opens %s: set it again\n", "没有密钥能打开 %s：请重新设置\n"), name)
		}
		if len(done.Lost) > 0 {
			return errors.New(c.t("some secrets could not be read", "部分密钥无法读取"))
		}
		return nil
	}
	return cmd
}
