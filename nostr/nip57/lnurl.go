package nip57

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"

	"github.com/gennostr/gennostr/internal/bech32"
	"github.com/gennostr/gennostr/internal/domain"
	"github.com/gennostr/gennostr/internal/strictjson"
	"github.com/gennostr/gennostr/nostr"
)

const (
	lnurlPrefix = "lnurl"
	maxURL      = 2048 // bytes
)

// MaxPayInfo bounds the document of [ParsePayInfo], in bytes. Its metadata may hold a picture.
const MaxPayInfo = 1 << 20

// AddressURL returns where the document of a lightning address is (LUD-16): of bob@example.com, as
// in the "lud16" of a profile, https://example.com/.well-known/lnurlp/bob. The name is of a-z, 0-9,
// hyphen, underscore and dot, or has a plus, which LUD-16 does not allow and providers use. The
// domain is a public one, without a port; .onion domains have http. It fails with [ErrLNURL].
func AddressURL(address string) (string, error) {
	name, host, ok := strings.Cut(address, "@")
	if !ok || name == "" || strings.ContainsFunc(name, notName) {
		return "", fmt.Errorf("%w: want name@domain, with a name of a-z, 0-9, hyphen, underscore, dot and plus", ErrLNURL)
	}
	if name == "." || name == ".." {
		return "", fmt.Errorf("%w: the name is one that paths have a meaning for", ErrLNURL)
	}
	if strings.Contains(host, ":") {
		return "", fmt.Errorf("%w: a lightning address has no port (LUD-16)", ErrLNURL)
	}
	host, err := domain.Parse(host)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrLNURL, err)
	}
	scheme := "https"
	if strings.HasSuffix(host, ".onion") {
		scheme = "http"
	}
	return scheme + "://" + host + "/.well-known/lnurlp/" + name, nil
}

func notName(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.+", r)
}

// EncodeLNURL returns a URL in bech32 with the prefix "lnurl" (LUD-01). It has to be as for
// [DecodeLNURL], and fails like it.
func EncodeLNURL(rawURL string) (string, error) {
	if _, err := parseURL(rawURL); err != nil {
		return "", fmt.Errorf("%w: %w", ErrLNURL, err)
	}
	s, err := bech32.Encode(lnurlPrefix, []byte(rawURL))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrLNURL, err)
	}
	return s, nil
}

// DecodeLNURL returns the URL in an LNURL, which is in lower or in upper case. It fails with
// [ErrLNURL], saying why, unless the URL is an https one, or an http one at an .onion domain
// (LUD-01), has a public domain and any port, no user and no fragment, and is of 2,048 bytes at
// most, without white space and what else has to be percent-encoded.
func DecodeLNURL(lnurl string) (string, error) {
	prefix, data, err := bech32.Decode(lnurl)
	if err == nil && prefix != lnurlPrefix {
		err = errors.New("want the prefix lnurl")
	}
	if err == nil {
		_, err = parseURL(string(data))
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrLNURL, err)
	}
	return string(data), nil
}

// parseURL wants the URL of a public server. It is a stranger's choice, and a program is about
// to connect to it.
func parseURL(raw string) (*url.URL, error) {
	if err := checkSpelling(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		if in := (*url.Error)(nil); errors.As(err, &in) {
			err = in.Err // without the URL before it
		}
		return nil, fmt.Errorf("not a URL: %.100v", err)
	}
	onion := strings.HasSuffix(strings.ToLower(u.Hostname()), ".onion")
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !onion):
		return nil, errors.New("not an https URL, nor an http one with an .onion domain (LUD-01)")
	case u.Opaque != "":
		return nil, errors.New("a URL that does not begin with https://")
	case u.User != nil:
		return nil, errors.New("a URL with a user before the domain")
	case strings.Contains(raw, "#"):
		return nil, errors.New("a URL with a fragment, which servers do not get")
	}
	if _, err := domain.Parse(u.Hostname()); err != nil {
		return nil, err
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0) {
		return nil, errors.New("a URL with a port that is no number from 1 to 65535")
	}
	return u, nil
}

// checkSpelling refuses what is no URL whatever its parts are. Parsers differ about such
// ones: a space ends a URL or is part of it, and a backslash is a slash to some. Letters
// beyond ASCII are let pass, since providers have them in their queries.
func checkSpelling(raw string) error {
	if len(raw) > maxURL {
		return fmt.Errorf("a URL of more than %d bytes", maxURL)
	}
	if !utf8.ValidString(raw) {
		return errors.New("a URL that is not UTF-8")
	}
	for i, c := range raw {
		switch {
		case !unicode.IsPrint(c) || strings.ContainsRune(" \"<>\\^`{|}", c):
			return fmt.Errorf("a URL with the character %q, which has to be percent-encoded (RFC 3986)", c)
		case c == '%' && (len(raw) < i+3 || !isHex(raw[i+1]) || !isHex(raw[i+2])):
			return errors.New("a URL with a percent sign that two hex digits do not follow")
		}
	}
	return nil
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// sameLNURL compares the URLs, of which bech32 has two spellings.
func sameLNURL(given, want string) error {
	wanted, err := DecodeLNURL(want)
	if err != nil {
		return err
	}
	got, err := DecodeLNURL(given)
	if err != nil {
		return fmt.Errorf("the request's is a %w", err)
	}
	if got != wanted {
		return fmt.Errorf("%w: the request is for another one", ErrLNURL)
	}
	return nil
}

// PayInfo is what the document at a recipient's LNURL says (LUD-06, NIP-57).
type PayInfo struct {
	NostrPubKey nostr.PubKey // who signs the receipts
	Callback    string       // URL of where invoices are made
	MinSendable int64        // in millisatoshis, 1 if not stated
	MaxSendable int64        // in millisatoshis, the largest number if not stated
}

// ParsePayInfo reads the document at a recipient's LNURL, which is to be strict JSON. It fails with
// [ErrNoZaps] unless allowsNostr is true, nostrPubkey a public key in lower-case hex, and callback a
// URL as [DecodeLNURL] wants it; minSendable and maxSendable may be missing, and are whole
// numbers. None of these may be there twice; what else is in the document is ignored.
func ParsePayInfo(data []byte) (PayInfo, error) {
	info, err := parsePayInfo(data)
	if err != nil {
		return PayInfo{}, fmt.Errorf("%w: %w", ErrNoZaps, err)
	}
	return info, nil
}

var payFields = []string{"status", "reason", "allowsNostr", "nostrPubkey", "callback", "minSendable", "maxSendable"}

func parsePayInfo(data []byte) (info PayInfo, err error) {
	if len(data) > MaxPayInfo {
		return PayInfo{}, fmt.Errorf("a document of more than %d bytes", MaxPayInfo)
	}
	fields, err := members(data, payFields)
	if err != nil {
		return PayInfo{}, err
	}
	if text(fields["status"]) == "ERROR" {
		return PayInfo{}, fmt.Errorf("the provider says %.200q", text(fields["reason"]))
	}
	if string(fields["allowsNostr"]) != "true" {
		return PayInfo{}, errors.New("allowsNostr is not true")
	}
	if info.NostrPubKey, err = nostr.PubKeyFromHex(text(fields["nostrPubkey"])); err != nil {
		return PayInfo{}, errors.New("nostrPubkey is not 64 lower-case hex digits")
	}
	if _, err = schnorr.ParsePubKey(info.NostrPubKey[:]); err != nil {
		return PayInfo{}, errors.New("nostrPubkey is not a point on the curve")
	}
	info.Callback = text(fields["callback"])
	if _, err = parseURL(info.Callback); err != nil {
		return PayInfo{}, fmt.Errorf("callback: %w", err)
	}
	if info.MinSendable, err = number(fields["minSendable"], 1); err == nil {
		info.MaxSendable, err = number(fields["maxSendable"], math.MaxInt64)
	}
	if err != nil || info.MinSendable < 1 || info.MaxSendable < info.MinSendable {
		return PayInfo{}, errors.New("minSendable and maxSendable are no range of millisatoshis")
	}
	return info, nil
}

func number(raw []byte, missing int64) (int64, error) {
	if raw == nil {
		return missing, nil
	}
	return strconv.ParseInt(string(raw), 10, 64)
}

// members returns the JSON of an object's wanted members, each at most once.
func members(data []byte, wanted []string) (map[string][]byte, error) {
	s := strictjson.New(data)
	if err := s.Object(); err != nil {
		return nil, err
	}
	found := make(map[string][]byte)
	var buf [32]byte
	for n := 0; ; n++ {
		key, more, err := s.NextKey(n, buf[:0])
		if err != nil {
			return nil, err
		}
		if !more {
			return found, s.End()
		}
		name := ""
		if i := slices.Index(wanted, string(key)); i >= 0 {
			name = wanted[i]
		}
		s.SkipSpace()
		from := s.Pos()
		if err := s.Skip(); err != nil {
			return nil, err
		}
		if name == "" {
			continue
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("two members %q", name)
		}
		found[name] = bytes.TrimSpace(s.Since(from))
	}
}

// text returns a JSON string's text, "" for what is no string.
func text(raw []byte) string {
	s := strictjson.New(raw)
	if s.Peek() != '"' {
		return ""
	}
	b, err := s.String(nil)
	if err != nil {
		return ""
	}
	return string(b)
}

// InvoiceURL returns where to get an invoice for a signed zap request: the answer is JSON, with
// the invoice as "pr". It is the callback with three parameters more (NIP-57), in the place of
// any of the same names. The amount is in millisatoshis, lnurl the recipient's, "" to leave it out.
//
// It fails with [ErrRequest] for an amount that the provider does not take, and one that is not
// the request's, and with [ErrLNURL] for an lnurl that is none or not the request's. Before the
// invoice is paid, its [InvoiceAmount] has to be the amount.
func (info PayInfo) InvoiceURL(request *nostr.Event, amount int64, lnurl string) (string, error) {
	if amount < info.MinSendable || amount > info.MaxSendable {
		return "", fmt.Errorf("%w: %d millisatoshis, the provider takes %d to %d", ErrRequest, amount, info.MinSendable, info.MaxSendable)
	}
	event, err := request.MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRequest, err)
	}
	r, err := ParseRequest(string(event))
	if err == nil {
		err = r.CheckFor(amount, info.NostrPubKey)
	}
	if err != nil {
		return "", err
	}
	if lnurl != "" {
		given := r.LNURL
		if given == "" { // then any LNURL will do
			given = lnurl
		}
		if err := sameLNURL(given, lnurl); err != nil {
			return "", err
		}
	}
	u, err := parseURL(info.Callback)
	if err != nil {
		return "", fmt.Errorf("%w: callback: %w", ErrNoZaps, err)
	}
	query := url.Values{"amount": {strconv.FormatInt(amount, 10)}, "nostr": {string(event)}}
	if lnurl != "" {
		query.Set("lnurl", lnurl)
	}
	u.RawQuery = ownQuery(u.RawQuery) + query.Encode()
	return u.String(), nil
}

// ownQuery is what a callback has in its query, for ours to be appended (LUD-06): as it is
// written, for it means something to its server only, and without what ours would repeat.
func ownQuery(raw string) string {
	var kept strings.Builder
	for part := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(part, "=")
		name, _ = url.QueryUnescape(name) // of a URL that has been checked
		if part == "" || name == "amount" || name == "nostr" || name == "lnurl" {
			continue
		}
		kept.WriteString(part + "&")
	}
	return kept.String()
}
