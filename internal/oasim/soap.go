package oasim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The namespaces of SOAP 1.1 and 1.2 envelopes.
const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// An element is one element of an XML document. Text is its own, without that of its children.
type element struct {
	name     xml.Name
	text     string
	children []*element
}

// readXML reads a document of one element. It takes UTF-8 only and no more than 100 levels.
func readXML(body string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(body))
	var root *element
	var open []*element
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			e := &element{name: t.Name}
			switch {
			case len(open) >= 100:
				return nil, errors.New("elements are nested more than 100 deep")
			case len(open) > 0:
				up := open[len(open)-1]
				up.children = append(up.children, e)
			case root != nil:
				return nil, errors.New("more than one root element")
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
		case xml.Directive: // entities are the way to make a small request large
			return nil, errors.New("a document type is not allowed")
		}
	}
	if root == nil {
		return nil, errors.New("no root element")
	}
	return root, nil
}

// child gives the first child of that name, or nil. An empty space means: in no namespace.
func (e *element) child(space, local string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name.Space == space && c.name.Local == local {
			return c
		}
	}
	return nil
}

// fields are the children in no namespace as members: name to text.
func (e *element) fields() fields {
	f := fields{}
	for _, c := range e.children {
		if c.name.Space == "" {
			f[c.name.Local] = c.text
		}
	}
	return f
}

// An envelope is a SOAP request.
type envelope struct {
	space     string   // of the envelope: soap11 or soap12
	header    *element // nil: none
	operation *element
}

// readEnvelope reads a SOAP request; e.space is usable beside an error too.
func readEnvelope(body string) (e envelope, err error) {
	e.space = soap11
	root, err := readXML(body)
	if err != nil {
		return e, err
	}
	if root.name.Local != "Envelope" || root.name.Space != soap11 && root.name.Space != soap12 {
		return e, fmt.Errorf("<%s> is not a SOAP envelope", root.name.Local)
	}
	e.space = root.name.Space
	e.header = root.child(e.space, "Header")
	b := root.child(e.space, "Body")
	if b == nil || len(b.children) != 1 {
		return e, errors.New("the envelope's Body does not hold exactly one operation")
	}
	e.operation = b.children[0]
	return e, nil
}

// reply wraps an operation's response.
func (e envelope) reply(inner string) reply {
	return reply{status: 200, kind: e.kind(), body: []byte(`<?xml version="1.0" encoding="UTF-8"?>` +
		`<soap:Envelope xmlns:soap="` + e.space + `"><soap:Body>` + inner + `</soap:Body></soap:Envelope>`)}
}

// fault is the answer of a web service that broke down: status 500.
func (e envelope) fault(message string) reply {
	inner := "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>" + escapeXML(message) + "</faultstring></soap:Fault>"
	if e.space == soap12 {
		inner = "<soap:Fault><soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code><soap:Reason>" +
			`<soap:Text xml:lang="zh">` + escapeXML(message) + "</soap:Text></soap:Reason></soap:Fault>"
	}
	r := e.reply(inner)
	r.status = 500
	return r
}

// kind is the Content-Type that belongs to the envelope's version.
func (e envelope) kind() string {
	if e.space == soap12 {
		return "application/soap+xml;charset=UTF-8"
	}
	return typeXML
}

// escapeXML writes text for an element, quotes as references too.
func escapeXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#13;").Replace(s)
}

// styled writes an element with text inside, in the style that is asked for.
func styled(style Style, space, name, text string) string {
	switch style {
	case StyleCDATA:
		return "<ns1:" + name + "><![CDATA[" + strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>") + "]]></ns1:" + name + ">"
	case StyleBare:
		bare := strings.NewReplacer("&", "&amp;", "<", "&lt;", "]]>", "]]&gt;").Replace(text)
		return "<" + name + ` xmlns="` + space + `">` + bare + "</" + name + ">"
	default:
		return "<ns1:" + name + ">" + escapeXML(text) + "</ns1:" + name + ">"
	}
}

// wsdl describes a web service whose operations take and give text, document/literal wrapped.
func wsdl(space, service, location string, operations []string) reply {
	var types, messages, port, binding strings.Builder
	for _, op := range operations {
		fmt.Fprintf(&types, `<xsd:element name="%[1]s"><xsd:complexType><xsd:sequence>`+
			`<xsd:element minOccurs="1" maxOccurs="1" name="in0" nillable="true" type="xsd:string"/></xsd:sequence></xsd:complexType></xsd:element>`+
			`<xsd:element name="%[1]sResponse"><xsd:complexType><xsd:sequence>`+
			`<xsd:element minOccurs="1" maxOccurs="1" name="out" nillable="true" type="xsd:string"/></xsd:sequence></xsd:complexType></xsd:element>`, op)
		fmt.Fprintf(&messages, `<wsdl:message name="%[1]sRequest"><wsdl:part name="parameters" element="tns:%[1]s"/></wsdl:message>`+
			`<wsdl:message name="%[1]sResponse"><wsdl:part name="parameters" element="tns:%[1]sResponse"/></wsdl:message>`, op)
		fmt.Fprintf(&port, `<wsdl:operation name="%[1]s"><wsdl:input message="tns:%[1]sRequest"/><wsdl:output message="tns:%[1]sResponse"/></wsdl:operation>`, op)
		fmt.Fprintf(&binding, `<wsdl:operation name="%[1]s"><soap:operation soapAction=""/>`+
			`<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>`, op)
	}
	doc := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="%[1]s" targetNamespace="%[1]s">
<wsdl:types><xsd:schema targetNamespace="%[1]s" elementFormDefault="qualified">%[4]s</xsd:schema></wsdl:types>
%[5]s
<wsdl:portType name="%[2]sPortType">%[6]s</wsdl:portType>
<wsdl:binding name="%[2]sHttpBinding" type="tns:%[2]sPortType"><soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>%[7]s</wsdl:binding>
<wsdl:service name="%[2]s"><wsdl:port name="%[2]sHttpPort" binding="tns:%[2]sHttpBinding"><soap:address location="%[3]s"/></wsdl:port></wsdl:service>
</wsdl:definitions>
`, space, service, escapeXML(location), types.String(), messages.String(), port.String(), binding.String())
	return reply{status: 200, kind: typeXML, body: []byte(doc)}
}
