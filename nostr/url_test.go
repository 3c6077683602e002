package nostr_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func TestL19URLIdentity(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		// the original's own
		{"ws://relay.com", "ws://relay.com/"},
		{"wss://relay.com//ws", "wss://relay.com/ws"},
		{"wss://relay.com//ws/", "wss://relay.com/ws"},
		// one relay in ten spellings
		{"wss://relay.example.com", "wss://relay.example.com/"},
		{"wss://relay.example.com/", "wss://relay.example.com/"},
		{"wss://relay.example.com//", "wss://relay.example.com/"},
		{"WSS://Relay.Example.COM", "wss://relay.example.com/"},
		{"wss://relay.example.com:443", "wss://relay.example.com/"},
		{"wss://relay.example.com:443/", "wss://relay.example.com/"},
		{"wss://relay.example.com:0443", "wss://relay.example.com/"},
		{"wss://relay.example.com:", "wss://relay.example.com/"},
		{"wss://relay.example.com.", "wss://relay.example.com/"},
		{" \t\r\nwss://relay.example.com\n", "wss://relay.example.com/"},
		{"wss://relay.example.com?", "wss://relay.example.com/"},
		{"wss://relay.example.com/?&&", "wss://relay.example.com/"},
		{"wss://relay.example.com/.", "wss://relay.example.com/"},
		{"wss://relay.example.com/a/..", "wss://relay.example.com/"},
		{"wss://relay.example.com/../../", "wss://relay.example.com/"},
		{"wss://relay.example.com/%2E%2e/", "wss://relay.example.com/"},
		// ports
		{"ws://relay.com:80", "ws://relay.com/"},
		{"ws://relay.com:443", "ws://relay.com:443/"},
		{"wss://relay.com:80", "wss://relay.com:80/"},
		{"ws://relay.com:65535", "ws://relay.com:65535/"},
		{"ws://relay.com:00007", "ws://relay.com:7/"},
		// one relay, IPv4 inside IPv6
		{"ws://127.0.0.1:8080", "ws://127.0.0.1:8080/"},
		{"ws://[::ffff:127.0.0.1]:8080", "ws://127.0.0.1:8080/"},
		{"ws://[::FFFF:7f00:1]:8080", "ws://127.0.0.1:8080/"},
		{"wss://[::127.0.0.1]", "wss://[::7f00:1]/"},
		// paths
		{"wss://relay.com/Inbox", "wss://relay.com/Inbox"},
		{"wss://relay.com/a//b///c////", "wss://relay.com/a/b/c"},
		{"wss://relay.com/a/./b/../c", "wss://relay.com/a/c"},
		{"wss://relay.com/%7euser", "wss://relay.com/~user"},
		{"wss://relay.com/%c3%a9", "wss://relay.com/%C3%A9"},
		{"wss://relay.com/\u00e9", "wss://relay.com/%C3%A9"},
		{"wss://relay.com/a%2fb", "wss://relay.com/a%2Fb"},
		{"wss://relay.com/a%2f%2Fb/", "wss://relay.com/a%2F%2Fb"},
		{"wss://relay.com/{x}|y^z`\"<>[]", "wss://relay.com/%7Bx%7D%7Cy%5Ez%60%22%3C%3E%5B%5D"},
		{"wss://relay.com/a%20b", "wss://relay.com/a%20b"},
		{"wss://relay.com/%00", "wss://relay.com/%00"},
		{"wss://relay.com/%25%32%35", "wss://relay.com/%2525"},
		{"wss://relay.com/a:b@c;d=e,f!$&'()*+", "wss://relay.com/a:b@c;d=e,f!$&'()*+"},
		{"wss://relay.com/http:/other.com", "wss://relay.com/http:/other.com"},
		// a URL in the path is another one with two slashes than with one
		{"wss://proxy.com/wss://other.com", "wss://proxy.com/wss://other.com"},
		{"wss://proxy.com//wss:////other.com//x//", "wss://proxy.com/wss://other.com/x"},
		{"wss://proxy.com/a/ws://b/ws://c", "wss://proxy.com/a/ws://b/ws://c"},
		{"wss://proxy.com/wss://", "wss://proxy.com/wss:"},
		{"wss://proxy.com:/wss://other.com", "wss://proxy.com/wss://other.com"},
		// hosts in a local network that have the name of a scheme
		{"ws://wss", "ws://wss/"},
		{"ws://wss:/x", "ws://wss/x"},
		{"ws://http:8080//x", "ws://http:8080/x"},
		{"ws://relay://x", "ws://relay/x"},
		{"wss://proxy.com/wss://./x", "wss://proxy.com/wss://x"},
		{"wss://proxy.com/wss://../x", "wss://proxy.com/wss:/x"},
		{"wss://proxy.com/wss:///..", "wss://proxy.com/wss:"},
		{"wss://proxy.com/a:/%2e/b", "wss://proxy.com/a:/b"},
		{"wss://proxy.com/://", "wss://proxy.com/:"},
		{"wss://proxy.com/wss%3A//x", "wss://proxy.com/wss%3A/x"},
		// queries
		{"wss://relay.com?b=2&a=1", "wss://relay.com/?a=1&b=2"},
		{"wss://relay.com/ws/?b=2&a=1", "wss://relay.com/ws?a=1&b=2"},
		{"wss://relay.com/?a=2&b&a=1", "wss://relay.com/?a=2&a=1&b"},
		{"wss://relay.com/?b&a=9&a=1&a=8&a=2&a=7&a=3&a=6&a=4&a=5&a=0&a=11&a=10&a=13&a=12", "wss://relay.com/?a=9&a=1&a=8&a=2&a=7&a=3&a=6&a=4&a=5&a=0&a=11&a=10&a=13&a=12&b"},
		{"wss://relay.com/?a=1&a=1", "wss://relay.com/?a=1&a=1"},
		{"wss://relay.com/?a&a=", "wss://relay.com/?a&a="},
		{"wss://relay.com/?%61=%7e&B=%2f", "wss://relay.com/?B=%2F&a=~"},
		{"wss://relay.com/?u=wss://x//y/?z", "wss://relay.com/?u=wss://x//y/?z"},
		{"wss://relay.com/?a=\u00e9&q=x+y%20z", "wss://relay.com/?a=%C3%A9&q=x+y%20z"},
		{"wss://relay.com/?a=b@c", "wss://relay.com/?a=b@c"},
		// hosts
		{"ws://localhost:7777", "ws://localhost:7777/"},
		{"ws://nostr_relay:8080", "ws://nostr_relay:8080/"},
		{"ws://r3---sn-abc.example.com", "ws://r3---sn-abc.example.com/"},
		{"ws://127.0.0.1:80", "ws://127.0.0.1/"},
		{"ws://127.0.0.1.", "ws://127.0.0.1/"},
		{"ws://1.2.3.4.example.com", "ws://1.2.3.4.example.com/"},
		{"ws://[::1]", "ws://[::1]/"},
		{"ws://[0:0:0:0:0:0:0:1]:80", "ws://[::1]/"},
		{"wss://[2001:DB8::A]:4848/x", "wss://[2001:db8::a]:4848/x"},
		{"wss://[::ffff:1.2.3.4]", "wss://1.2.3.4/"},
		// internationalised hosts
		{"wss://b\u00fccher.example", "wss://xn--bcher-kva.example/"},
		{"wss://B\u00dcCHER.example", "wss://xn--bcher-kva.example/"},
		{"wss://bu\u0308cher.example", "wss://xn--bcher-kva.example/"},
		{"wss://XN--BCHER-KVA.example", "wss://xn--bcher-kva.example/"},
		{"wss://fa\u00df.de", "wss://xn--fa-hia.de/"},
		{"wss://\u30ea\u30ec\u30fc.\u65e5\u672c", "wss://xn--eeke2c.xn--wgv71a/"},
		{"wss://relay\u3002com", "wss://relay.com/"},
		{"wss://\uff52\uff45\uff4c\uff41\uff59.com", "wss://relay.com/"},
		{"wss://re\u00adlay.com", "wss://relay.com/"},
		{"ws://\uff11\uff12\uff17.0.0.1", "ws://127.0.0.1/"},
		{"wss://\u05e9\u05dc\u05d5\u05dd.example", "wss://xn--9dbne9b.example/"},
	} {
		got, err := nostr.NormalizeURL(tt.raw)
		if !assert.NoError(t, err, tt.raw) {
			continue
		}
		assert.Equal(t, tt.want, got, tt.raw)
		checkNormalized(t, got)
	}
}

func TestP15PathAndQueryAreIdentity(t *testing.T) {
	seen := map[string]string{}
	for _, raw := range []string{
		"wss://r.com", "ws://r.com", "wss://r.com/a", "wss://r.com/A", "wss://r.com/a/b", "wss://r.com/a%2Fb", "wss://r.com?a", "wss://r.com?a=",
		"wss://r.com?a=1", "wss://r.com?a=1&a=2", "wss://r.com?a=2&a=1", "wss://r.com/a?a=1", "wss://www.r.com", "wss://r.com:444", "wss://r.com?a=%26b", "wss://r.com?a&b",
		"wss://r.com/wss://a", "wss://r.com/wss:/a", "wss://r.com/wss:a",
	} {
		got, err := nostr.NormalizeURL(raw)
		require.NoError(t, err)
		assert.Empty(t, seen[got], raw)
		seen[got] = raw
	}
}

func TestURLsThatAreNoneAreRefused(t *testing.T) {
	for _, tt := range []struct{ raw, reason string }{
		{"", "empty, want ws:// or wss://"},
		{" \n", "empty"},
		{"relay.com", "missing scheme, want ws:// or wss://"},
		{"relay.com:8080", "missing scheme"},
		{"relay.com/a?u=wss://x", "missing scheme"},
		{"//relay.com", "missing scheme"},
		{"://relay.com", "missing scheme"},
		{"/path", "missing scheme"},
		{"npub1xyz", "missing scheme"},
		{"localhost:7777/x", "missing scheme"},
		{"mailto:a", "missing scheme"},
		{"http://relay.com", `scheme "http", want ws:// or wss://`},
		{"HTTPS://relay.com", `scheme "https", want`},
		{"wsss://relay.com", `scheme "wsss"`},
		{"wss+tor://relay.com", `scheme "wss+tor"`},
		{"file:///etc/passwd", `scheme "file"`},
		{strings.Repeat("a", 1000) + "://x", `a…", want`},
		{"wss:relay.com", "missing // behind wss:"},
		{"ws:/relay.com", "missing // behind ws:"},
		{"wss:", "missing // behind wss:"},
		{"wss://", "missing host"},
		{"wss:///path", "missing host"},
		{"wss://?a=1", "missing host"},
		{"wss://:443", "missing host"},
		{"wss://:443/path", "missing host"},
		{"wss:////relay.com", "missing host"},
		{"wss://relay.com#top", "fragment"},
		{"wss://relay.com/#", "fragment"},
		{"wss://relay.com?a#b", "fragment"},
		{"wss://wss://relay.com", "two schemes"},
		{"ws://WSS://relay.com", "two schemes"},
		{"wss://https://relay.com/x", "two schemes"},
		{"wss://http:////relay.com", "two schemes"},
		{"wss://wss://wss://relay.com", "two schemes"},
		{"wss://wss://", "two schemes"},
		{"wss://user@relay.com", "user name"},
		{"wss://user:pass@relay.com", "user name"},
		{"wss://@relay.com", "user name"},
		{"wss://relay.com:443@evil.com", "user name"},
		{"wss://relay.com:", ""},
		{"wss://relay.com:x", "port is not a number"},
		{"wss://relay.com:-1", "port is not a number"},
		{"wss://relay.com:+1", "port is not a number"},
		{"wss://relay.com:0x50", "port is not a number"},
		{"wss://relay.com:0", "port is not in 1 to 65535"},
		{"wss://relay.com:65536", "port is not in 1 to 65535"},
		{"wss://relay.com:99999999999999999999", "port is not in 1 to 65535"},
		{"wss://relay.com:80:80", "more than one colon"},
		{"wss://::1", "missing host"},
		{"wss://2001:db8::1", "more than one colon"},
		{"wss://[::1", "missing ]"},
		{"wss://[::1]x", "other than a port"},
		{"wss://[::1]]", "other than a port"},
		{"wss://[]", "no IPv6 address"},
		{"wss://[127.0.0.1]", "no IPv6 address"},
		{"wss://[relay.com]", "no IPv6 address"},
		{"wss://[fe80::1%25eth0]", "no IPv6 address"},
		{"wss://[fe80::1%eth0]", "no IPv6 address"},
		{"wss://[1:2:3:4:5:6:7:8:9]", "no IPv6 address"},
		{"wss://relay..com", "empty label"},
		{"wss://.relay.com", "empty label"},
		{"wss://relay.com..", "empty label"},
		{"wss://.", "empty label"},
		{"wss://-relay.com", "hyphen"},
		{"wss://relay-.com", "hyphen"},
		{"wss://" + strings.Repeat("a", 64) + ".com", "longer than 63"},
		{"wss://" + strings.Repeat("a.", 127) + "com", "longer than 253"},
		{"wss://" + strings.Repeat("\u4e00", 600), "longer than 253"},
		{"wss://rel%61y.com", "character that domain names do not have"},
		{"wss://relay!.com", "character that domain names do not have"},
		{"wss://relay.com,wss", "character that domain names do not have"},
		{"wss://relay]com", "character that domain names do not have"},
		{"wss://*.com", "character that domain names do not have"},
		{"wss://relay.com,wss://other.com", ""},
		{"wss://relay.com wss://other.com", "white space"},
		{"wss://relay.com/a b", "white space"},
		{"wss://relay\t.com", "white space or a control byte"},
		{"wss://relay.com/\x00", "control byte"},
		{"wss://relay.com/\x7f", "control byte"},
		{"wss://relay.com\\@evil.com", "backslash"},
		{"wss://relay.com/\\..", "backslash"},
		{"wss://relay.com/\xff", "not UTF-8"},
		{"wss://rel\xc3y.com", "not UTF-8"},
		{"wss://relay.com/%", "percent sign"},
		{"wss://relay.com/%1", "percent sign"},
		{"wss://relay.com/%zz", "percent sign"},
		{"wss://relay.com/%+1", "percent sign"},
		{"wss://relay.com/?a=%e", "percent sign"},
		{"ws://1.2.3", "no IPv4 address"},
		{"ws://127.1", "no IPv4 address"},
		{"ws://2130706433", "no IPv4 address"},
		{"ws://0x7f.0.0.1", "no IPv4 address"},
		{"ws://0x7f000001", "no IPv4 address"},
		{"ws://0177.0.0.01", "no IPv4 address"},
		{"ws://256.1.1.1", "no IPv4 address"},
		{"ws://1.2.3.4.5", "no IPv4 address"},
		{"ws://relay.0x", "no IPv4 address"},
		{"ws://relay.42", "no IPv4 address"},
		{"wss://xn--a.com", "internationalised"},
		{"wss://xn--.com", ""},
		{"wss://\u2100.com", "character that domain names do not have"},
		{"wss://relay\uff0fevil.com", "character that domain names do not have"},
		{"wss://relay\uff20evil.com", "character that domain names do not have"},
		{"wss://relay\uff1a443.com", "character that domain names do not have"},
		{"wss://\u00ad", ""},
		{"wss://\u200d.com", ""},
		{"wss://\ufffd.com", "internationalised"},
		{"wss://\u05d0a\u05d0.com", "internationalised"},
		{"wss://" + strings.Repeat("\u00fc", 80) + ".com", ""},
		{"wss://relay.com/" + strings.Repeat("a", 2048), "longer than 2048 bytes"},
		{"wss://relay.com/" + strings.Repeat("\u00e9", 600), "longer than 2048 bytes"},
	} {
		if tt.raw == "wss://relay.com:" {
			continue // an empty port is none (RFC 3986, section 6.2.3)
		}
		got, err := nostr.NormalizeURL(tt.raw)
		if assert.ErrorIs(t, err, nostr.ErrInvalidURL, "%.80q gave %q", tt.raw, got) {
			assert.ErrorContains(t, err, tt.reason, "%.80q", tt.raw)
			assert.Less(t, len(err.Error()), 200)
		}
		assert.Empty(t, got)
	}
}

func TestURLErrorsDoNotRepeatPasswords(t *testing.T) {
	for _, raw := range []string{"wss://user:hunter2@relay.com", "wss://relay.com/hunter2#x", "wss://relay.com:hunter2", "hunter2.example.com/x"} {
		_, err := nostr.NormalizeURL(raw)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
}

// checkNormalized wants of a result what users of it rely on.
func checkNormalized(t *testing.T, got string) {
	t.Helper()
	again, err := nostr.NormalizeURL(got)
	require.NoError(t, err, got)
	require.Equal(t, got, again, "normalising twice changes nothing")
	u, err := url.Parse(got)
	require.NoError(t, err, got)
	require.Equal(t, got, u.String(), "net/url reads it as it stands")
	require.Contains(t, []string{"ws", "wss"}, u.Scheme)
	require.NotEmpty(t, u.Hostname())
	require.Nil(t, u.User)
	require.Empty(t, u.Fragment)
	require.True(t, strings.HasPrefix(u.EscapedPath(), "/"))
	require.NotContains(t, strings.ReplaceAll(u.EscapedPath(), "://", ""), "//")
	require.LessOrEqual(t, len(got), 2048)
	for _, c := range []byte(got) {
		require.True(t, c > ' ' && c < 0x7f, got)
	}
}
