package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

// tenantColumns are the columns of the list of tenants.
var tenantColumns = [...]column{
	{key: "tenant", en: "tenant", zh: "租户"},
	{key: "title", en: "title", zh: "名称", max: 40},
	{key: "connections", en: "connections", zh: "连接数"},
	{key: "revision", en: "revision", zh: "版本"},
}

func (c *cli) tenantsCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "tenants", Short: c.t("List tenants", "列出租户"), Args: c.args(0, 0, "")}
	s, page := c.serverFlags(cmd), c.pagingFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		a, err := c.connect(s)
		if err != nil {
			return err
		}
		items, err := a.pages(cmd.Context(), path("tenants"), url.Values{}, page)
		if err != nil {
			return err
		}
		return c.list(tenantColumns[:], items)
	}
	return cmd
}
