/// The first place of each element in a list: a reload compares two configurations with it, in time
/// proportional to their sizes.
package struct FirstPlaces<Element: Hashable> {
    /// The first place of each element.
    private var places: [Element: Int]

    /// The places in `elements`.
    package init(_ elements: some Collection<Element>) {
        places = Dictionary(minimumCapacity: elements.count)
        for (place, element) in elements.enumerated() where places[element] == nil { places[element] = place }
    }

    /// nil if the list has no such element.
    package subscript(_ element: Element) -> Int? { places[element] }
}
