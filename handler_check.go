package gennostr

import (
	"reflect"
	"strings"
)

// What Start refuses of a handler: methods that were meant as callbacks and that
// nothing would ever call. The silent typo is the price of optional interfaces (R40).
//
// A callback's own name, in whatever case, is refused with every other signature.
// Names like it are refused only if the method takes a *Self: that is what nobody
// but the client has to pass, so that a handler's own methods are left alone.

// callbackInterfaces are all the behaviours, the required one first.
var callbackInterfaces = [...]reflect.Type{
	reflect.TypeFor[Handler](), reflect.TypeFor[Initializer](), reflect.TypeFor[Terminator](),
	reflect.TypeFor[CallHandler](), reflect.TypeFor[CastHandler](), reflect.TypeFor[InfoHandler](),
	reflect.TypeFor[ContinueHandler](), reflect.TypeFor[ClosedHandler](), reflect.TypeFor[CountHandler](), reflect.TypeFor[SubscriptionHandler](),
}

// callbackName is one method of them, with what is known of its name.
type callbackName struct {
	reflect.Method
	iface     reflect.Type
	folded    string
	stem      string   // without On or Handle
	spellings []string // under which people know it
}

// callbackNames are the methods of callbackInterfaces. Immutable.
var callbackNames = func() (list []callbackName) {
	for _, iface := range callbackInterfaces {
		for i := range iface.NumMethod() {
			m := iface.Method(i)
			folded := fold(m.Name)
			list = append(list, callbackName{m, iface, folded, cutPrefix(folded), spellings(folded)})
		}
	}
	return list
}()

// checkHandler finds the first method that looks like a callback and is none.
func checkHandler(h Handler) error {
	t := reflect.TypeOf(h)
	all := t
	if t.Kind() != reflect.Pointer {
		all = reflect.PointerTo(t) // with the methods that a value does not have
	}
	for i := range all.NumMethod() {
		method := all.Method(i)
		if isCallback(t, method.Name) {
			continue
		}
		name, inside := fold(method.Name), takesSelf(method.Type)
		for _, want := range callbackNames {
			if name != want.folded && !(inside && meant(name, method.Type, want)) {
				continue
			}
			e := &HandlerError{Method: method.Name + signature(method.Type, 1), Want: want.Name + signature(want.Type, 0)}
			if t != all && e.Method == e.Want {
				e.Method += " with a pointer receiver, but is no pointer"
			}
			return e
		}
	}
	return nil
}

// isCallback tells whether the client calls the method of that name.
func isCallback(t reflect.Type, name string) bool {
	for _, c := range callbackNames {
		if c.Name == name {
			return t.Implements(c.iface)
		}
	}
	return false
}

// meant tells whether a method that takes a *Self was probably meant to be a callback.
func meant(name string, method reflect.Type, want callbackName) bool {
	same := sameParameters(method, want.Type)
	most := slips(name, want.stem, same)
	for _, spelling := range want.spellings {
		switch {
		case name == spelling, inflected(name, spelling):
			return true
		case same && len(cutPrefix(name)) >= 3 && strings.HasPrefix(spelling, name): // OnErr, OnDisc
			return true
		case most > 0 && distance(name, spelling, most) <= most:
			return true
		}
	}
	return false
}

// fold is the name as far as it matters: OnEose, On_EOSE and OnEOSE are one.
func fold(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// cutPrefix gives the word behind on or handle.
func cutPrefix(folded string) string {
	for _, prefix := range []string{"on", "handle"} {
		if stem, ok := strings.CutPrefix(folded, prefix); ok {
			return stem
		}
	}
	return folded
}

// spellings are the names under which people know a callback: GenServer's
// handle_ is our On for messages of relays, others have On for everything.
func spellings(want string) []string {
	stem := cutPrefix(want)
	list := []string{"on" + stem, "handle" + stem}
	if stem == want { // Init, Terminate
		list = append(list, want)
	}
	if want == "init" {
		list = append(list, "initialize", "initialise")
	}
	return list
}

// inflected tells OnEvents, OnConnected, OnConnection and Terminated from other words.
func inflected(name, spelling string) bool {
	ending, ok := strings.CutPrefix(name, spelling)
	switch ending {
	case "s", "d", "ed", "ion":
		return ok
	}
	return false
}

// slips is how many slips of the keyboard a name may be away from a callback's.
// Short words are near to other words (HandleCash, OnMint): a method with
// parameters of its own has to be nearer than one with the callback's.
func slips(name, stem string, same bool) int {
	switch {
	case same && len(stem) >= 8:
		return 2
	case same, len(stem) >= 5:
		return 1
	case strings.HasSuffix(name, stem) && len(name) >= len(stem)+len("handl"): // HandelCall: the slip is before the word
		return 1
	}
	return 0
}

// distance counts the slips between two words: a letter too many, missing or
// wrong, or two neighbours that changed places (optimal string alignment). It does
// not look at words that are longer or shorter by more than most.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 0
			if a[i-1] != b[j-1] {
				wrong = 1
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// takesSelf tells whether a method, its receiver aside, has a *Self among its parameters.
func takesSelf(method reflect.Type) bool {
	for i := 1; i < method.NumIn(); i++ {
		if method.In(i) == reflect.TypeFor[*Self]() {
			return true
		}
	}
	return false
}

// sameParameters compares a method, its receiver aside, with one of an interface.
func sameParameters(method, callback reflect.Type) bool {
	if method.NumIn() != callback.NumIn()+1 {
		return false
	}
	for i := range callback.NumIn() {
		if method.In(i+1) != callback.In(i) {
			return false
		}
	}
	return true
}

// signature writes a function's parameters and results, its first skip parameters left out.
func signature(t reflect.Type, skip int) string {
	var in, out []string
	for i := skip; i < t.NumIn(); i++ {
		in = append(in, t.In(i).String())
	}
	for i := range t.NumOut() {
		out = append(out, t.Out(i).String())
	}
	s := "(" + strings.Join(in, ", ") + ")"
	switch len(out) {
	case 0:
		return s
	case 1:
		return s + " " + out[0]
	}
	return s + " (" + strings.Join(out, ", ") + ")"
}
