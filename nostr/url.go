package nostr

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna" // IDN to punycode (UTS 46), which the standard library keeps to itself; nothing else of x/net
)

// maxURL bounds a relay URL in bytes, as given and as returned.
const maxURL = 2048

// NormalizeURL returns the one spelling of a relay's URL: two URLs name the same relay
// if their results are equal. The path and the query belong to a relay's identity (NIP-01).
//
//   - Scheme and host are in lower case, IDN in punycode, IPv6 in its short form, an IPv4
//     address inside IPv6 (::ffff:0:0/96) as IPv4; the root
//     dot behind the host and the scheme's own port are dropped.
//   - In the path repeated and trailing slashes are collapsed and dot segments resolved; the
//     empty path is "/". Two slashes behind a colon stay: a proxy is told by them what is
//     behind it (wss://proxy.example/wss://relay.example).
//   - The query is sorted by key; the order of the values of one key stays. Empty parts go.
//   - Percent escapes that are not needed are decoded, the others have upper-case digits, and
//     bytes that need one get one (RFC 3986, section 6.2.2).
//
// White space around the URL is ignored. Everything else that is not the URL of a relay
// is refused with an error that is [ErrInvalidURL] and says what is wrong or missing: other
// schemes than ws and wss, two schemes (wss://wss://relay.example), user names and passwords,
// fragments, hosts that are neither a domain name nor an IP address, more than 2,048 bytes.
// Errors do not repeat the URL, which may hold a password.
//
// It is a name, to compare and to look up by. A relay is better dialled by the URL as it was
// given: some tell //ws from /ws, and a signed query must not be sorted.
func NormalizeURL(raw string) (string, error) {
	out, err := normalizeURL(strings.Trim(raw, " \t\r\n"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalidURL, err)
	}
	return out, nil
}

var (
	errURLTooLong  = errors.New("longer than " + strconv.Itoa(maxURL) + " bytes")
	errHostTooLong = errors.New("the host is longer than 253 bytes")
)

func normalizeURL(s string) (string, error) {
	if len(s) > maxURL {
		return "", errURLTooLong
	}
	if err := checkURLBytes(s); err != nil {
		return "", err
	}
	scheme, rest, err := cutScheme(s)
	if err != nil {
		return "", err
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority = rest[:i]
	}
	if startsURL(authority, rest[len(authority):]) {
		return "", errors.New("two schemes, one behind the other")
	}
	rawPath, query, _ := strings.Cut(rest[len(authority):], "?")

	host, port, err := splitAuthority(authority)
	if err != nil {
		return "", err
	}
	if host, err = normalizeHost(host); err != nil {
		return "", err
	}
	if port, err = normalizePort(port, scheme); err != nil {
		return "", err
	}
	if rawPath, err = normalizeEscapes(rawPath); err != nil {
		return "", err
	}
	if query, err = normalizeQuery(query); err != nil {
		return "", err
	}
	// Escapes have been normalised before: the dots of %2E%2E are dots.
	out := scheme + "://" + host + port + cleanPath(rawPath) + query
	if len(out) > maxURL {
		return "", errURLTooLong
	}
	return out, nil
}

// startsURL reports whether what stands behind the scheme is a URL of its own. By the letter it
// is a host "wss", no port behind the colon, and a path; it is never meant so. In the path of
// another host a URL is for a proxy.
func startsURL(authority, behind string) bool {
	scheme, colon := strings.CutSuffix(strings.ToLower(authority), ":")
	return colon && strings.HasPrefix(behind, "//") && slices.Contains([]string{"ws", "wss", "http", "https"}, scheme)
}

// cleanPath resolves dot segments (RFC 3986, section 5.2.4), and drops the empty segments
// that mean nothing: all but one behind a colon with something to follow.
func cleanPath(raw string) string {
	var kept []string
	for segment := range strings.SplitSeq(raw, "/") {
		last := ""
		if len(kept) > 0 {
			last = kept[len(kept)-1]
		}
		switch segment {
		case ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		case "":
			if strings.HasSuffix(last, ":") {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, segment)
		}
	}
	if n := len(kept); n > 0 && kept[n-1] == "" {
		kept = kept[:n-1]
	}
	return "/" + strings.Join(kept, "/")
}

// checkURLBytes refuses what no part of a URL may hold. The backslash is among it because
// browsers read it as a slash and Go does not.
func checkURLBytes(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("not UTF-8")
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c == 0x7f:
			return errors.New("white space or a control byte inside")
		case c == '\\':
			return errors.New("a backslash inside")
		case c == '#':
			return errors.New("a fragment (#), which relay URLs do not have")
		}
	}
	return nil
}

func cutScheme(s string) (scheme, rest string, err error) {
	const want = "want ws:// or wss://"
	if s == "" {
		return "", "", errors.New("empty, " + want)
	}
	scheme, rest, found := strings.Cut(s, ":")
	scheme = strings.ToLower(scheme)
	slashes := strings.HasPrefix(rest, "//")
	switch {
	case scheme == "ws" || scheme == "wss":
		if !slashes {
			return "", "", errors.New("missing // behind " + scheme + ":")
		}
		return scheme, rest[2:], nil
	case found && slashes && isScheme(scheme):
		return "", "", fmt.Errorf("scheme %q, %s", clip(scheme), want)
	}
	return "", "", errors.New("missing scheme, " + want)
}

func isScheme(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

func splitAuthority(s string) (host, port string, err error) {
	if strings.Contains(s, "@") {
		return "", "", errors.New("a user name or password (@), which relay URLs do not have")
	}
	end := strings.IndexByte(s, ':')
	if strings.HasPrefix(s, "[") {
		if end = strings.IndexByte(s, ']') + 1; end == 0 {
			return "", "", errors.New("missing ] behind an IPv6 address")
		}
	}
	if end < 0 {
		end = len(s)
	}
	host, port = s[:end], s[end:]
	switch {
	case host == "":
		return "", "", errors.New("missing host")
	case port != "" && port[0] != ':':
		return "", "", errors.New("something other than a port behind an IPv6 address")
	case strings.Count(port, ":") > 1:
		return "", "", errors.New("more than one colon: an IPv6 address needs brackets")
	}
	return host, strings.TrimPrefix(port, ":"), nil
}

// normalizePort returns the port with its colon, "" for the scheme's own.
func normalizePort(s, scheme string) (string, error) {
	if s == "" {
		return "", nil
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return "", errors.New("the port is not a number")
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	switch {
	case err != nil || n == 0:
		return "", errors.New("the port is not in 1 to 65535")
	case scheme == "ws" && n == 80, scheme == "wss" && n == 443:
		return "", nil
	}
	return ":" + strconv.FormatUint(n, 10), nil
}

func normalizeHost(s string) (string, error) {
	if s[0] == '[' {
		addr, err := netip.ParseAddr(s[1 : len(s)-1])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", errors.New("no IPv6 address in the brackets")
		}
		if addr.Is4In6() {
			return addr.Unmap().String(), nil // the same connection
		}
		return "[" + addr.String() + "]", nil
	}
	host, err := hostToASCII(s)
	if err != nil {
		return "", err
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > 253 {
		return "", errHostTooLong
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	// Some resolvers take 127.1, 0x7f.0.0.1 or 2130706433 for an address, others for a name.
	if isNumber(labels[len(labels)-1]) {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is4() {
			return "", errors.New("the host ends in a number but is no IPv4 address")
		}
	}
	return host, nil
}

// hostToASCII does not show names to [idna] that have nothing to do with it: it would
// refuse hyphens in places where they are in use.
func hostToASCII(s string) (string, error) {
	if len(s) > 253*utf8.UTFMax {
		return "", errHostTooLong
	}
	lower := strings.ToLower(s)
	if isASCII(s) && !strings.HasPrefix(lower, "xn--") && !strings.Contains(lower, ".xn--") {
		return lower, nil
	}
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(false), idna.CheckHyphens(false))
	host, err := profile.ToASCII(s)
	if err != nil {
		return "", errors.New("the host is not a valid internationalised domain name")
	}
	return strings.ToLower(host), nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("the host has an empty label")
	case len(label) > 63:
		return errors.New("the host has a label longer than 63 bytes")
	case label[0] == '-' || label[len(label)-1] == '-':
		return errors.New("the host has a label that starts or ends with a hyphen")
	}
	for _, c := range []byte(label) {
		if c != '-' && c != '_' && !isLowerAlnum(c) {
			return errors.New("the host has a character that domain names do not have")
		}
	}
	return nil
}

func isLowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// normalizeQuery returns the query with its question mark, "" if nothing is in it.
func normalizeQuery(s string) (string, error) {
	s, err := normalizeEscapes(s)
	if err != nil {
		return "", err
	}
	parts := slices.DeleteFunc(strings.Split(s, "&"), func(part string) bool { return part == "" })
	if len(parts) == 0 {
		return "", nil
	}
	key := func(part string) string { k, _, _ := strings.Cut(part, "="); return k }
	slices.SortStableFunc(parts, func(a, b string) int { return cmp.Compare(key(a), key(b)) })
	return "?" + strings.Join(parts, "&"), nil
}

func normalizeEscapes(s string) (string, error) {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c, escaped := s[i], false
		if c == '%' {
			if i+2 >= len(s) {
				return "", errors.New("a percent sign without two hex digits")
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", errors.New("a percent sign without two hex digits")
			}
			c, escaped = byte(n), true
			i += 2
		}
		if isUnreserved(c) || !escaped && strings.IndexByte("!$&'()*+,;=:@/?", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String(), nil
}

func isUnreserved(c byte) bool {
	return isLowerAlnum(c) || 'A' <= c && c <= 'Z' || strings.IndexByte("-._~", c) >= 0
}
