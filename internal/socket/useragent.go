package socket

import (
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
)

const module = "github.com/gennostr/gennostr"

// userAgent is how we introduce ourselves: many proxies answer 403 to Go's own.
var userAgent = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	return agentOf(info)
})

// agentOf is gennostr/1.2.3, or gennostr/devel where the program does not say
// which version of the module it was built with.
func agentOf(info *debug.BuildInfo) string {
	version := ""
	if info != nil {
		for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
			if m.Path == module {
				if m.Replace != nil {
					m = m.Replace
				}
				version = m.Version
			}
		}
	}
	version = strings.TrimPrefix(version, "v")
	if version == "" || version[0] < '0' || version[0] > '9' { // "(devel)"
		version = "devel"
	}
	return "gennostr/" + version
}

// withUserAgent is a copy of h that has a User-Agent: its own, however it is
// spelled, or ours.
func withUserAgent(h http.Header) http.Header {
	with := h.Clone()
	if with == nil {
		with = make(http.Header)
	}
	for name, values := range with {
		if strings.EqualFold(name, "User-Agent") {
			delete(with, name)
			with["User-Agent"] = values // or net/http would send Go's beside it
			return with
		}
	}
	with.Set("User-Agent", userAgent())
	return with
}
