/// Where each element of a list stands first: what a reload compares two configurations by, in time
/// proportional to their sizes.
package struct FirstPlaces<Element: Hashable> {
    private var places: [Element: Int]

    package init(_ elements: some Collection<Element>) {
        places = Dictionary(minimumCapacity: elements.count)
        for (place, element) in elements.enumerated() where places[element] == nil { places[element] = place }
    }

    /// nil if the list has no such element.
    package subscript(_ element: Element) -> Int? { places[element] }
}
