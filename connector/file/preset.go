package file

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"todosync/connector/preset"
)

// overPreset lays the document over its preset and gives the preset's variables that the document had to give and has not.
func (d *draft) overPreset() []preset.Variable {
	d.merged = d.root.pruned(d.shape)
	name := d.root.string("preset")
	if name == "" {
		return nil
	}
	_, d.presetAt = d.lookup("preset")
	if !slices.Contains(preset.Names(), name) {
		if near := nearest(name, preset.Names()); near != "" {
			d.wrong("preset", say("there is no preset %q, perhaps %q is meant", "没有预置 %q，是否想写 %q"), excerpt(name), near)
		} else {
			d.wrong("preset", say("there is no preset %q; there are %s", "没有预置 %q；可用：%s"), excerpt(name), strings.Join(preset.Names(), ", "))
		}
		return nil
	}
	under, err := d.r.preset(name)
	if err != nil {
		d.wrong("preset", say("cannot be read: %s", "无法读取：%s"), err)
		return nil
	}
	d.merged = merge(under.tree, d.root, d.shape)
	under.tree = d.variant(under)
	d.merged = merge(under.tree, d.root, d.shape)
	var missing []preset.Variable
	for _, v := range under.asked.Variables {
		n := d.merged.value("variables").value(v.Name)
		if !v.Required || n != nil && (n.text != "" || n.bad) {
			continue
		}
		missing = append(missing, v)
		scenes, apart := d.spared(v.Name)
		for _, scene := range scenes {
			d.off = append(d.off, scene)
			d.warn("scenes."+scene, say("is off: preset %s needs the variable %s for it: %s", "未开启：预置 %s 的该场景需要变量 %s:%s"),
				name, v.Name, v.About.In(d.lang))
		}
		if !apart {
			d.wrong("variables."+v.Name, say("preset %s needs this variable: %s", "预置 %s 需要该变量：%s"), name, v.About.In(d.lang))
		}
	}
	return missing
}

// spared gives the scenes that the preset brings and that can't do without a variable which the file lacks. apart is true where
// nothing else needs it and the file describes requests of its own: it can then do without those scenes.
func (d *draft) spared(variable string) (scenes []string, apart bool) {
	own := false
	if n := d.root.value("scenes"); n != nil {
		for _, m := range n.members {
			own = own || m.value.string("body") != ""
		}
	}
	if !own {
		return nil, false
	}
	for _, m := range d.merged.members {
		if m.name != "scenes" {
			if m.value.mentions(variable) {
				return nil, false
			}
			continue
		}
		for _, scene := range m.value.members {
			switch {
			case !scene.value.mentions(variable):
			case scene.at.given():
				return nil, false
			default:
				scenes = append(scenes, scene.name)
			}
		}
	}
	return scenes, true
}

// mentions reports whether a text in a tree uses a variable.
func (n *node) mentions(variable string) bool {
	return strings.Contains(n.text, "${"+variable+"}") ||
		slices.ContainsFunc(n.members, func(m member) bool { return m.value.mentions(variable) }) ||
		slices.ContainsFunc(n.items, func(item *node) bool { return item.mentions(variable) })
}

// variant lays over a preset what it holds for the values that its variables have in this document.
func (d *draft) variant(p presetTree) *node {
	tree := p.tree
	for _, variable := range slices.Sorted(maps.Keys(p.variants)) {
		choices := p.variants[variable]
		value := d.merged.value("variables").string(variable)
		over := choices[value]
		if over == nil {
			over = choices[preset.AnyOther]
		}
		if over != nil {
			tree = merge(tree, over, d.shape)
			continue
		}
		d.wrong("variables."+variable, say("%q is not one of %s", "%q 不在 %s 之中"), excerpt(value),
			strings.Join(slices.Sorted(maps.Keys(choices)), ", "))
		for _, over := range choices { // so that the rest can be checked
			tree = merge(tree, over, d.shape)
			break
		}
	}
	return tree
}

// A presetTree is a preset as it is merged. None of its nodes has a place.
type presetTree struct {
	asked    preset.Asked
	tree     *node
	variants map[string]map[string]*node // by variable and its value
}

// preset reads a preset once.
func (r *reader) preset(name string) (presetTree, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.presets[name]; ok {
		return p, nil
	}
	var p presetTree
	src, err := preset.Source(name)
	if err != nil {
		return p, err
	}
	if p.asked, err = preset.Settings(name); err != nil {
		return p, err
	}
	n, fault := readYAML(string(src))
	if fault != nil {
		return p, fmt.Errorf("preset %s, line %d: %s", name, fault.at.line, fault.text.in("en", fault.args...))
	}
	p.tree, p.variants = n, map[string]map[string]*node{}
	trees := []*node{n}
	for variable, choices := range p.asked.Variants {
		p.variants[variable] = map[string]*node{}
		for value, over := range choices {
			nodes, fault := allJSON(string(over))
			if fault != nil || len(nodes) != 1 {
				return p, fmt.Errorf("preset %s: the variant %s=%s is not an object", name, variable, value)
			}
			p.variants[variable][value] = nodes[0]
			trees = append(trees, nodes[0])
		}
	}
	for _, tree := range trees {
		d := &draft{r: r, lang: "en", file: "preset " + name, root: tree, shape: r.connection}
		d.check(tree, r.connection, "")
		if err := d.problems.Err(); err != nil {
			return p, err
		}
		tree.displaced()
	}
	r.presets[name] = p
	return p, nil
}

// displaced takes the places out of a tree, and makes it one that nothing changes any more.
func (n *node) displaced() {
	n.at, n.inside, n.block = place{}, place{}, false
	n.index()
	for i := range n.members {
		n.members[i].at = place{}
		n.members[i].value.displaced()
	}
	for _, v := range n.items {
		v.displaced()
	}
}

// PresetVariables are the names of all variables that a preset's own settings have, in order: those that it asks for and further
// ones with a default.
func PresetVariables(name string) ([]string, error) {
	p, err := newReader(Options{}).preset(name)
	if err != nil {
		return nil, err
	}
	var out []string
	if n := p.tree.value("variables"); n != nil {
		for _, m := range n.members {
			out = append(out, m.name)
		}
	}
	for variable := range p.variants {
		if !slices.Contains(out, variable) {
			out = append(out, variable)
		}
	}
	slices.Sort(out)
	return out, nil
}
