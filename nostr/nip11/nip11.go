// Package nip11 reads and writes relay information documents (NIP-11): what a
// relay says of itself over HTTP, on the same URI as its websocket.
//
//	doc, err := nip11.Parse(body) // of a GET to RequestURL
//	if doc.Supports(50) { … }
//	if n := doc.Limitation.MaxLimit; n != nil { … *n … }
//
// The documents of running relays are untidy, so [Parse] is lenient field by
// field: what has the wrong shape is left out and listed in
// Problems of [Document], and the rest is read. The package fetches nothing; a
// fetcher sends GET to [RequestURL] with the header "Accept: " + [ContentType],
// checks for status 200, and reads at most [MaxSize] bytes and one more.
// gennostr.RelayInformation is such a fetcher.
//
// # Coming from go-nostr
//
// Fetch is gennostr.RelayInformation, RelayInformationDocument is [Document]. Of the numbers in
// [Limitation], which are 0 there, a nil one is not stated and a 0 is; fees and retention are JSON.
package nip11

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ContentType is the media type to ask for and to serve (NIP-11).
const ContentType = "application/nostr+json"

// MaxSize bounds the documents that Parse takes, in bytes: 256 KiB. Those of
// running relays have one or two.
const MaxSize = 256 << 10

// MaxProblems bounds Problems of [Document].
const MaxProblems = 32

// ErrTooLarge is returned by Parse for more than MaxSize bytes.
var ErrTooLarge = errors.New("nip11: document over 256 KiB")

// ErrNotObject is wrapped by the error of Parse for data that is no JSON object.
var ErrNotObject = errors.New("nip11: not a JSON object")

// Document is a relay information document. Every field may be missing
// (NIP-11); strings and lists are then empty.
type Document struct {
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	Banner      string `json:"banner,omitempty"` // URL of an image
	Icon        string `json:"icon,omitempty"`   // URL of an image

	// PubKey is whom to write to about the relay, and Self the relay's own
	// key. Both should be 64 hex digits, but are kept as the relay wrote them.
	PubKey  string `json:"pubkey,omitempty"`
	Self    string `json:"self,omitempty"`
	Contact string `json:"contact,omitempty"` // a URI

	SupportedNIPs []int  `json:"supported_nips,omitempty"`
	Software      string `json:"software,omitempty"` // URL of the project
	Version       string `json:"version,omitempty"`

	TermsOfService string   `json:"terms_of_service,omitempty"` // URL
	PrivacyPolicy  string   `json:"privacy_policy,omitempty"`   // URL
	PostingPolicy  string   `json:"posting_policy,omitempty"`   // URL
	PaymentsURL    string   `json:"payments_url,omitempty"`
	RelayCountries []string `json:"relay_countries,omitempty"` // ISO 3166-1 alpha-2
	LanguageTags   []string `json:"language_tags,omitempty"`   // IETF language tags
	Tags           []string `json:"tags,omitempty"`            // topics, such as "sfw-only"

	Limitation Limitation `json:"limitation,omitzero"`

	// Retention and Fees are JSON as the relay wrote it, nil if missing:
	// their shapes differ from relay to relay.
	Retention json.RawMessage `json:"retention,omitempty"`
	Fees      json.RawMessage `json:"fees,omitempty"`

	// Problems lists what Parse left out, one sentence each, such as
	// "limitation.max_limit: want a whole number, have a string". At most
	// MaxProblems; it is not part of the JSON.
	Problems []string `json:"-"`
}

// Limitation is what a relay demands of its clients (NIP-11). A
// number that the relay does not state is nil.
type Limitation struct {
	MaxMessageLength    *int64 `json:"max_message_length,omitempty"`     // bytes of a whole message
	MaxSubscriptions    *int64 `json:"max_subscriptions,omitempty"`      // open ones per connection
	MaxFilters          *int64 `json:"max_filters,omitempty"`            // per subscription
	MaxLimit            *int64 `json:"max_limit,omitempty"`              // larger limits are clamped silently
	DefaultLimit        *int64 `json:"default_limit,omitempty"`          // for filters without a limit
	MaxSubidLength      *int64 `json:"max_subid_length,omitempty"`       // characters of a subscription id
	MaxEventTags        *int64 `json:"max_event_tags,omitempty"`         // tags of an event
	MaxContentLength    *int64 `json:"max_content_length,omitempty"`     // Unicode characters, not bytes
	MinPowDifficulty    *int64 `json:"min_pow_difficulty,omitempty"`     // leading zero bits of an event's id (NIP-13)
	CreatedAtLowerLimit *int64 `json:"created_at_lower_limit,omitempty"` // seconds into the past that created_at may lie
	CreatedAtUpperLimit *int64 `json:"created_at_upper_limit,omitempty"` // seconds into the future that created_at may lie

	AuthRequired     bool `json:"auth_required,omitempty"` // before anything else (NIP-42)
	PaymentRequired  bool `json:"payment_required,omitempty"`
	RestrictedWrites bool `json:"restricted_writes,omitempty"` // events are taken under some condition only
}

// Supports reports whether the relay lists the NIP.
func (d Document) Supports(nip int) bool { return slices.Contains(d.SupportedNIPs, nip) }

// MarshalJSON writes the document as a relay serves it. Fields that are not
// set are left out. It fails if Retention or Fees is not JSON.
func (d Document) MarshalJSON() ([]byte, error) {
	type plain Document // without this method
	return json.Marshal(plain(d))
}

// UnmarshalJSON is Parse.
func (d *Document) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// RequestURL turns the URL of a relay (ws or wss) into that of its document
// (http or https): the same host, path and query (NIP-11).
func RequestURL(relayURL string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(relayURL))
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // without the URL, which may hold a password
		}
		return "", errors.New("nip11: relay URL: " + clip(err.Error()))
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "":
		return "", errors.New("nip11: relay URL: no scheme, want ws or wss")
	default:
		return "", fmt.Errorf("nip11: relay URL: scheme %q, want ws or wss", clip(u.Scheme))
	}
	if u.Hostname() == "" {
		return "", errors.New("nip11: relay URL: no host")
	}
	if u.User != nil {
		return "", errors.New("nip11: relay URL: user information is not allowed")
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String(), nil
}

// clip bounds what an error quotes of a stranger's text.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
