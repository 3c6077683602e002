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
// hyphen, underscore, dot and plus, the domain a public one; .onion domains have http. It
// fails with [ErrLNURL].
func AddressURL(address string) (string, error) {
	name, host, _ := strings.Cut(address, "@")
	if name == "" || strings.ContainsFunc(name, notName) {
		return "", fmt.Errorf("%w: want name@domain, with a name of a-z, 0-9, hyphen, underscore, dot and plus", ErrLNURL)
	}
	host, err := domain.Parse(host)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrLNURL, err)
	}
	return schemeOf(host) + "://" + host + "/.well-known/lnurlp/" + name, nil
}

func notName(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.+", r)
}

func schemeOf(host string) string {
	if strings.HasSuffix(host, ".onion") {
		return "http"
	}
	return "https"
}

// EncodeLNURL returns a URL in bech32 with the prefix "lnurl" (LUD-01). It has to be as for
// [DecodeLNURL].
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

// DecodeLNURL returns the URL in an LNURL, in lower or in upper case. It has a public domain and
// the scheme https, or http at an .onion domain (LUD-01). It fails with [ErrLNURL].
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
	if len(raw) > maxURL || !utf8.ValidString(raw) {
		return nil, fmt.Errorf("a URL of more than %d bytes, or not UTF-8", maxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	host, err := domain.Parse(u.Hostname())
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != schemeOf(host) && u.Scheme != "https":
		return nil, errors.New("not an https URL")
	case u.User != nil || u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("a URL with a user or a fragment")
	}
	return u, nil
}

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
	Callback    string       // where invoices are made, an https URL
	MinSendable int64        // in millisatoshis, 1 if not stated
	MaxSendable int64        // in millisatoshis, the largest number if not stated
}

// ParsePayInfo reads the document at a recipient's LNURL. It fails with [ErrNoZaps] unless it is
// strict JSON without any of these twice: allowsNostr, which is true, nostrPubkey, a public key
// in lower-case hex, callback, the URL of a public server, and minSendable and maxSendable, whole
// numbers, which may be missing. What else is in it is ignored.
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
// the invoice as "pr". The amount is in millisatoshis, lnurl the recipient's, "" to leave it out.
// It fails with [ErrRequest] for an amount that the provider does not take, and one that is not
// the request's, and with [ErrLNURL] for an lnurl that is none or not the request's. Before the invoice is paid, its [InvoiceAmount] has to be the amount.
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
	query := u.Query() // which the callback may have already
	query.Set("amount", strconv.FormatInt(amount, 10))
	query.Set("nostr", string(event))
	if lnurl != "" {
		query.Set("lnurl", lnurl)
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
