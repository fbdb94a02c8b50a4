-- +goose Up

-- A tenant's sign-ons within a time, as its digests count them and its lists show them: n grows with the time.
DROP INDEX sign_ons_tenant;
CREATE INDEX sign_ons_tenant_n ON sign_ons (tenant, n);
