package connector

// A Binding joins a CRM user and an OA account inside one connection. It is one to one there.
type Binding struct {
	Connection  string `json:"connection"`
	User        string `json:"crm_user_id"`
	UserName    string `json:"crm_user_name"`
	Account     string `json:"oa_account"`
	AccountName string `json:"oa_user_name"`
}
