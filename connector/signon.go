package connector

// SignOnSettings say how the OA proves who an employee is when his browser comes to the gateway (07-sign-on).
type SignOnSettings struct {
	Vendor       SignOnVendor    `json:"vendor"`
	Secret       Texts           `json:"secret,omitempty"` // of signed links, newest first: while it is changed two are good
	Skew         SignOnSkew      `json:"skew"`
	Charset      SignOnCharset   `json:"charset,omitempty"` // of a signed link's loginid, beside UTF-8
	Release      SeeyonRelease   `json:"release,omitempty"` // seeyon: which line it is; empty: found out
	Base         Texts           `json:"base,omitempty"`    // the only addresses that are asked; the first where the browser names none
	ContactsOnly bool            `json:"contactsOnly,omitempty"`
	ClientID     string          `json:"clientId,omitempty"` // OAuth 2 and OIDC; the app's id at Yunzhijia and WeLink
	ClientSecret string          `json:"clientSecret,omitempty"`
	Scope        string          `json:"scope,omitempty"`        // OIDC; openid profile by default
	Script       string          `json:"script,omitempty"`       // welink: the address of the script that gives a page HWH5; empty: the app does
	AccountClaim string          `json:"accountClaim,omitempty"` // the member of an OIDC token or OAuth 2 profile that is the account
	Frames       Texts           `json:"frames,omitempty"`       // whose pages may show the gateway's in a frame: addresses, of which scheme, host and port count
	Click        bool            `json:"click,omitempty"`        // a page with a button comes first, so that programs that open links use nothing up
	Verify       *VerifySettings `json:"verify,omitempty"`
}

// SignOnVendor names a way in which an OA proves who an employee is.
type SignOnVendor string

// The vendors of 07-sign-on; the last three are for any other OA.
const (
	VendorSeeyon     SignOnVendor = "seeyon"
	VendorWeaver     SignOnVendor = "weaver"
	VendorLandray    SignOnVendor = "landray"
	VendorYunzhijia  SignOnVendor = "yunzhijia"
	VendorWeLink     SignOnVendor = "welink"
	VendorWialon     SignOnVendor = "wialon"
	VendorHelpCrunch SignOnVendor = "helpcrunch"
	VendorOIDC       SignOnVendor = "oidc"
	VendorCAS        SignOnVendor = "cas"
	VendorGeneric    SignOnVendor = "generic"
)

// SignOnVendors are all vendors in the order in which they are shown.
func SignOnVendors() []SignOnVendor {
	return []SignOnVendor{
		VendorSeeyon, VendorWeaver, VendorLandray, VendorYunzhijia, VendorWeLink, VendorWialon, VendorHelpCrunch,
		VendorOIDC, VendorCAS, VendorGeneric,
	}
}

// SignOnCharset is a charset of old OAs.
type SignOnCharset string

// CharsetGBK is what a Chinese Windows gives where a program does not say another.
const CharsetGBK SignOnCharset = "GBK"

// SeeyonRelease is one of Seeyon's lines.
type SeeyonRelease string

// The lines: V5 (A8, G6), V5 before 7.0SP2, whose tickets are asked about elsewhere, and V8, the cloud line.
const (
	SeeyonV5  SeeyonRelease = "v5"
	SeeyonOld SeeyonRelease = "v5-before-7.0sp2"
	SeeyonV8  SeeyonRelease = "v8"
)

// SignOnSkew bounds how far the clock of a signed link may be behind ours and ahead of it.
type SignOnSkew struct {
	Past   Duration `json:"past"`
	Future Duration `json:"future"`
}

// VerifySettings are a verifier made of settings (10-oa-apis, section 7): which query parameter brings the ticket, the request that
// asks the OA about it ({ticket} in URL, Headers and Body is the ticket), and where the account stands in the answer.
type VerifySettings struct {
	TicketParam    Texts          `json:"ticketParam,omitempty"` // names, the first that the browser brings counts
	Method         string         `json:"method,omitempty"`
	URL            string         `json:"url"`
	Headers        Headers        `json:"headers,omitempty"`
	Body           string         `json:"body,omitempty"`
	TokenRef       string         `json:"tokenRef,omitempty"`    // "token": the request bears the connection's token
	AccountFrom    string         `json:"accountFrom,omitempty"` // header:NAME, text, json:PATH or xml:A/B
	SuccessWhen    SuccessWhen    `json:"successWhen"`
	HandshakeReply HandshakeReply `json:"handshakeReply"`
	TicketMemory   Duration       `json:"ticketMemory,omitempty"`
	Timeout        Duration       `json:"timeout,omitempty"`
}

// SuccessWhen says which answers of the OA name a user at all; without CodeName every 2xx does.
type SuccessWhen struct {
	CodeName    string `json:"codeName,omitempty"`
	SuccessCode Texts  `json:"successCode,omitempty"`
}

// HandshakeReply holds what an OA's server is told that brings a ticket before the browser does.
type HandshakeReply struct {
	OK   string `json:"ok,omitempty"`
	Fail string `json:"fail,omitempty"`
}
