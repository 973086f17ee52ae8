package vsphere

import (
	"bytes"
	"strconv"
)

// scanner reads XML as vCenter writes it: elements and text, nothing else. What is read
// has to be well formed only as far as it is used.
type scanner struct{ rest []byte }

// tag begins an element or ends one. An empty one does both. The zero value is no tag.
type tag struct {
	name, attributes []byte
	end, empty       bool
}

// tag reads a tag, which must be what comes next.
func (s *scanner) tag() tag {
	if len(s.rest) == 0 || s.rest[0] != '<' {
		return tag{}
	}
	end := bytes.IndexByte(s.rest, '>')
	if end < 0 {
		return tag{}
	}
	inside := s.rest[1:end]
	s.rest = s.rest[end+1:]
	var t tag
	inside, t.end = bytes.CutPrefix(inside, []byte("/"))
	inside, t.empty = bytes.CutSuffix(inside, []byte("/"))
	t.name = inside
	if space := bytes.IndexByte(inside, ' '); space >= 0 {
		t.name = inside[:space]
		t.attributes = inside[space:]
	}
	return t
}

// attribute is the value of an attribute without a prefix; nil where there is none.
func (t tag) attribute(name string) []byte {
	return t.find(func(key []byte) bool { return string(key) == name })
}

// kind is the type that an element says it has. The prefix of that attribute is a vCenter's
// own choice; no other attribute of this name has one.
func (t tag) kind() []byte {
	return t.find(func(key []byte) bool { return bytes.HasSuffix(key, []byte(":type")) })
}

// find returns the value of the first attribute whose key is wanted; nil where there is none.
func (t tag) find(wanted func(key []byte) bool) []byte {
	rest := t.attributes
	for {
		key, after, found := bytes.Cut(rest, []byte(`="`))
		if !found {
			return nil
		}
		var value []byte
		value, rest, _ = bytes.Cut(after, []byte(`"`))
		if wanted(bytes.TrimSpace(key)) {
			return value
		}
	}
}

// each calls do for each element up to the end tag of the one that they are in. It has to
// read the element's end, too, and returns false for what is not understood.
func (s *scanner) each(name string, do func(tag) bool) bool {
	for {
		t := s.tag()
		switch {
		case t.name == nil:
			return false
		case t.end:
			return string(t.name) == name
		case !do(t):
			return false
		}
	}
}

// text is that of an element without others inside, whose tag was read.
func (s *scanner) text(t tag) (string, bool) {
	if t.empty {
		return "", true
	}
	end := bytes.IndexByte(s.rest, '<')
	if end < 0 {
		return "", false
	}
	text, ok := unescaped(s.rest[:end])
	s.rest = s.rest[end:]
	last := s.tag()
	return text, ok && last.end && bytes.Equal(last.name, t.name)
}

func (s *scanner) number(t tag) (int32, bool) {
	text, ok := s.text(t)
	n, err := strconv.ParseInt(text, 10, 32)
	return int32(n), ok && err == nil
}

// skip reads to behind the end of an element whose tag was read.
func (s *scanner) skip(t tag) bool {
	for depth := 1; !t.empty && depth > 0; {
		next := bytes.IndexByte(s.rest, '<')
		if next < 0 {
			return false
		}
		s.rest = s.rest[next:]
		switch inner := s.tag(); {
		case inner.name == nil:
			return false
		case inner.end:
			depth--
		case !inner.empty:
			depth++
		}
	}
	return true
}
