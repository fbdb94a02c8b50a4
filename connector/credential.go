package connector

// TokenSettings say how a token is fetched, read, sent and when it is fetched anew. Script, where given, fetches it in
// place of Request.
type TokenSettings struct {
	Request   RequestSettings `json:"request"`
	Script    string          `json:"script,omitempty"`
	Value     string          `json:"value"`
	Refuse    Texts           `json:"refuse,omitempty"`
	Send      TokenSend       `json:"send"`
	TTL       Duration        `json:"ttl,omitempty"`
	RefreshOn RefreshOn       `json:"refreshOn"`
}

// RequestSettings describe one request by its templates.
type RequestSettings struct {
	Method  string  `json:"method"`
	Address string  `json:"address"`
	Headers Headers `json:"headers,omitempty"`
	Body    string  `json:"body,omitempty"`
}

// TokenSend says where a token goes in a request: exactly one of its members is set.
type TokenSend struct {
	Header string `json:"header,omitempty"`
	Query  string `json:"query,omitempty"`
	Bearer bool   `json:"bearer,omitempty"`
}

// RefreshOn recognises the answers that mean "this token is no longer good".
type RefreshOn struct {
	Status []int `json:"status,omitempty"`
	Codes  Texts `json:"codes,omitempty"`

	// Messages are parts of messages, for an OA whose successes have no code.
	Messages Texts `json:"messages,omitempty"`
}

// BasicSettings are the user and password of HTTP Basic authentication.
type BasicSettings struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// OAuth2Settings are those of the OAuth 2 client credentials grant. The token that Address gives is sent as a bearer
// token, kept as long as the answer says, and never shown.
type OAuth2Settings struct {
	Address      string          `json:"address"`
	ClientID     string          `json:"clientId"`
	ClientSecret string          `json:"clientSecret"`
	Scope        string          `json:"scope,omitempty"`
	Send         CredentialsSend `json:"send,omitempty"`
	Names        OAuth2Names     `json:"names"`
	Params       Headers         `json:"params,omitempty"`
}

// CredentialsSend says where an OAuth 2 client's id and secret stand in the request for a token.
type CredentialsSend string

// The places of a client's credentials: fields of the form body, an Authorization: Basic header, or members of a JSON body.
const (
	CredentialsBody  CredentialsSend = "body"
	CredentialsBasic CredentialsSend = "basic"
	CredentialsJSON  CredentialsSend = "json"
)

// OAuth2Names are the field names of a server that does not use those of the standard; an empty one is the standard's.
type OAuth2Names struct {
	GrantType    string `json:"grantType,omitempty"`
	ClientID     string `json:"clientId,omitempty"`
	ClientSecret string `json:"clientSecret,omitempty"`
	Scope        string `json:"scope,omitempty"`
	AccessToken  string `json:"accessToken,omitempty"`
	ExpiresIn    string `json:"expiresIn,omitempty"`
}

// SignSettings say how a request is signed: a text is made over its other fields, its body or a template, put between
// Prefix and Suffix, hashed, and written into the request. Prefix, Suffix, Key and Template may hold ${...}.
type SignSettings struct {
	Over      SignOver       `json:"over"`
	Template  string         `json:"template,omitempty"`
	Join      string         `json:"join"`
	Prefix    string         `json:"prefix,omitempty"`
	Suffix    string         `json:"suffix,omitempty"`
	Key       string         `json:"key,omitempty"`
	Hash      SignHash       `json:"hash"`
	Encoding  SignEncoding   `json:"encoding,omitempty"`
	Case      SignCase       `json:"case,omitempty"`
	Into      SignPlace      `json:"into"`
	Timestamp *SignTimestamp `json:"timestamp,omitempty"`
}

// SignOver says what is signed.
type SignOver string

// What is signed: name=value of all other fields in the order of their names, the body as sent, or a template.
const (
	SignSortedFields SignOver = "sortedFields"
	SignBody         SignOver = "body"
	SignTemplate     SignOver = "template"
)

// SignHash names a hash, plain or with a key.
type SignHash string

// The hashes. Those with a key need SignSettings.Key.
const (
	HashMD5        SignHash = "md5"
	HashSHA1       SignHash = "sha1"
	HashSHA256     SignHash = "sha256"
	HashSM3        SignHash = "sm3"
	HashHMACSHA1   SignHash = "hmac-sha1"
	HashHMACSHA256 SignHash = "hmac-sha256"
	HashHMACSM3    SignHash = "hmac-sm3"
)

// Keyed reports whether the hash needs a key.
func (h SignHash) Keyed() bool { return h == HashHMACSHA1 || h == HashHMACSHA256 || h == HashHMACSM3 }

// SignEncoding says how the hash's bytes are written.
type SignEncoding string

// The encodings of a signature; the zero SignEncoding is hex.
const (
	EncodeHex    SignEncoding = "hex"
	EncodeBase64 SignEncoding = "base64"
)

// SignCase is the case of a signature's hex digits.
type SignCase string

// The cases; the zero SignCase is lower.
const (
	CaseLower SignCase = "lower"
	CaseUpper SignCase = "upper"
)

// SignPlace says where a signature or its timestamp goes: a field of the body (a form field, or a member of a JSON object),
// a header, or a query parameter. Exactly one of its members is set.
type SignPlace struct {
	Field  string `json:"field,omitempty"`
	Header string `json:"header,omitempty"`
	Query  string `json:"query,omitempty"`
}

// SignTimestamp adds the time of the try to a signed request before it is signed. Format is a pattern such as
// yyyyMMddHHmmss, epochMillis, epochSeconds or rfc3339.
type SignTimestamp struct {
	SignPlace
	Format string `json:"format"`
}
