package retry

// A Class says in one word why an attempt did not succeed. It is stored with the delivery, filtered by, counted and told
// in digests, so its words are part of the contract.
type Class string

// The classes of failure. The empty class is success.
const (
	OK           Class = ""
	Network      Class = "network"       // could not connect, the connection broke, DNS
	Timeout      Class = "timeout"       // no answer in time
	TLS          Class = "tls"           // certificate or handshake
	HTTP429      Class = "http_429"      // the OA asks to slow down
	HTTP5xx      Class = "http_5xx"      // the OA has trouble of its own
	HTTP3xx      Class = "http_3xx"      // a redirect, which is never followed
	HTTP4xx      Class = "http_4xx"      // the OA refuses the request
	Business     Class = "business"      // the OA answered with a failure code, or a SOAP fault
	BadAnswer    Class = "bad_answer"    // the answer could not be understood
	Token        Class = "token"         // the token's address does not answer
	TokenRefused Class = "token_refused" // the token's address answered without a token
	Mapping      Class = "mapping"       // the request could not be rendered
	Unbound      Class = "unbound"       // the receiver has no OA account
)

// Classes are all the classes of failure, in the order in which they are shown.
func Classes() []Class {
	return []Class{
		Network, Timeout, TLS, HTTP429, HTTP5xx, HTTP3xx, HTTP4xx, Business, BadAnswer,
		Token, TokenRefused, Mapping, Unbound,
	}
}
