class Greet {
    static final String HELLO = "hello";
}
